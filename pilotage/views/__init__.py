"""Les écrans du pilotage ; ils ne calculent rien."""
