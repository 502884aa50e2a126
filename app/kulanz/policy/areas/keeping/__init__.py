"""The area of what earlier versions gave, and today's rules do not."""
