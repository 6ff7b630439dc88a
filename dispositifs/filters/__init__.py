"""Les filtres des listes de dispositifs."""
