"""The local page: drop a photo, watch it being fooled, see why.

app.py is the table of its requests; they speak JSON. Nothing here imports PyTorch until a thread
behind the page does (models.py): the finished example is there before.
"""
