"""A page as files: one classifier, its photos and its falls, without a program or a network."""
