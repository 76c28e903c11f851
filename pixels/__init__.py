"""True pixels: from a render to a finished sprite, and back to pictures that a person can look at.

Pure functions on frozen values, with numpy and Pillow only: nothing here knows of a model, a server or a disk.
`sprite.make_sprite` is the whole chain; the other modules are its steps.
"""
