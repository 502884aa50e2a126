"""The area of rights that earlier versions gave, and today's rules do not."""
