"""The same for SNS: it runs on the user's machine and tells nobody outside of it. Runs after `ministack.py`, in one program with it."""
from ministack.services import sns


# --- Subscribers by URL: MiniStack would ask them to confirm, and send them what alarms say. ---

@stands_for(sns, "_http_post_sync")
def tell_nobody(original, endpoint, payload, kind):
    return 200
