"""The hub's process: `python -m handson.room.hub SETTINGS`."""

from handson.room.hub.app import main

if __name__ == "__main__":
    main()
