"""Events and reconstructions as Arrow tables: schema, validation, assembly."""
