"""What lasts: assets, their versions and recipes, and jobs, in SQLite, with their files beside it."""
