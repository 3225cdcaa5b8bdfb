"""How the net that finds heads was made: labels in the head's own frame, synthetic contrasts, training and export."""
