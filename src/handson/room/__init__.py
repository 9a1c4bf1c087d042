"""The room: one host that holds a class. Below: seats and their templates; above, in `hub`: who sits where."""
