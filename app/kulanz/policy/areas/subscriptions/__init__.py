"""What each subscription gives: trials, cancellations, pauses, changes of plan."""
