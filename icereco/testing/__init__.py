"""What tests need, ours and a third party's."""
