"""Les écrans de la programmation."""
