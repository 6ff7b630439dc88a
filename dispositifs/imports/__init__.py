"""L'import des listes que l'ANCT publie chaque année : adultes-relais et postes FONJEP.

`champs` dit ce que porte chaque colonne, `lignes` en fait des lignes du département, `employeurs` retrouve qui emploie,
`postes` dit quel poste naît, `releves` ce qui est nouveau, `anomalies` nomme ce qui étonne ; `listes` en fait un plan
et l'applique par les opérations. La vie d'un lot est celle de programmation/imports/lots.py. Voir docs/imports.md.

La liste ne donne aucune date : aucune convention n'en naît. Ses montants sont gardés à côté de nos calculs.
"""
