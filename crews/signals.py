"""What the domain says when it has written rows without saving objects one by one."""

from django.dispatch import Signal

# sender: the model. ids: of the rows that were written, None for more than anybody wants to name. using: the connection.
# Sent inside the transaction: who listens waits for its commit.
rows_written = Signal()
