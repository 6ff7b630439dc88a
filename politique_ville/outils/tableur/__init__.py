"""L'import d'un tableur : lire → valider → plan → confirmer.

`fichier` se méfie, `lecture` rend une table, `entetes` reconnaît les colonnes, `champs` convertit les cellules,
`validation` réunit tous les messages, `plan` dit ce qui changera, `modeles` est le contrat qu'une app implémente,
`moteur` enchaîne, `annotation` rend le fichier annoté. Rien ici ne lit ni n'écrit en base.
"""
