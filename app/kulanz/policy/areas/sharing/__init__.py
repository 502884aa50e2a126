"""The area of purchases that earlier versions recorded for several accounts."""
