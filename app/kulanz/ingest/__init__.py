"""How a delivery becomes durable: verified, kept in one commit with others, or in the spool."""
