"""How a component is declared, discovered, named and attributed."""
