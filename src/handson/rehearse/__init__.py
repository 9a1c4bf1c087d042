"""The rehearsal: simulated attendees do the real lessons in a real room; it says whether that holds, and why not."""
