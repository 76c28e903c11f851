"""True pixels: from a render, or any picture, to finished pixel art, and back to pictures that a person can look at.

Pure functions on frozen values, with numpy, OpenCV and Pillow only: nothing here knows of a model, a server or a disk.
`sprite.make_sprite` is the whole chain for our own renders, whose cells are known; `pixelize.pixelize` that for any picture.
The other modules are their steps.
"""
