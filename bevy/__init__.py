"""The watched Bevy project: find it, name things in it, publish into it so that the running game reloads."""
