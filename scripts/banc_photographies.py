"""Un exercice de trois mille actions, pour le banc : le photographier, montrer sa photographie et ce qui a changé."""

ACTIONS = 3_000


def photographier(exercice):
    from pilotage.operations import photographier

    return photographier(exercice, "Photographie du banc")


# Ce que la page montre, le nom de son adresse, et le seuil promis (ms) ; comparer recompte l'exercice, comme la prise.
ECRANS = [
    ("tableau de bord", "pilotage:photographie_detail", 300),
    ("actions", "pilotage:photographie_actions", 300),
    ("ce qui a changé", "pilotage:photographie_comparer", 2_000),
]
