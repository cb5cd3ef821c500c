"""Fooling photos, and what is kept of it: pictures, receipts, what they survive."""
