"""L'import des actions : du tableur de la DDETS, ou de nos exports, à un lot d'écritures.

`champs` dit ce qu'une colonne peut porter, `colonnes` la retrouve dans un fichier, `fiches` réunit les lignes d'une
même action, `rapprochement` et `porteurs` disent de quelle action et de quel organisme il s'agit, `financements` et
`saisies` composent ce qui serait écrit, `en_clair` le montre, `actions` en fait un plan et l'applique. `lots` garde le
fichier, son plan et sa trace : c'est la porte de l'écran et de la commande. Voir docs/imports.md.
"""
