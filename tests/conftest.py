"""For all tests."""

pytest_plugins = ["leaks", "pytester", "projects", "managers"]
