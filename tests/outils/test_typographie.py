from politique_ville.outils.typographie import insecables


def test_les_espaces_insecables_se_posent_autour_de_la_ponctuation_double():
    assert insecables("C14 : « Educ. » à 12 % ?") == "C14\u00a0: «\u00a0Educ.\u00a0» à 12\u00a0%\u00a0?"


def test_un_texte_deja_insecable_ne_change_pas():
    assert insecables("1 234,50\u00a0€\u00a0; oui") == "1 234,50\u00a0€\u00a0; oui"
