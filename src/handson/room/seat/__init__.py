"""One attendee's place in the room: user, namespaces, cgroup, disk, limits."""
