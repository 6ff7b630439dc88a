"""L'import des actions : du tableur de la DDETS, ou de nos exports, à un lot d'écritures.

`champs` dit ce qu'une colonne peut porter, `cellules` la convertit, `colonnes` la retrouve dans un fichier.
`fiches` réunit les lignes d'une même action ; `rapprochement` et `porteurs` disent de quelle action, de quel organisme
il s'agit ; `financements` et `saisies` composent ce qui serait écrit.
`sorts` le fait examiner par l'opération ; `en_clair`, `conflits` et `totaux` le montrent ; `actions` en fait un plan.
`lots` garde le fichier, son plan et sa trace : c'est la porte de l'écran et de la commande. Voir docs/imports.md.
"""
