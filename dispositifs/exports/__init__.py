"""Les listes de dispositifs en colonnes : l’écran et les fichiers."""
