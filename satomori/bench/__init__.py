"""`satomori bench`: figures of performance, each beside a reference that was measured in the same run."""
