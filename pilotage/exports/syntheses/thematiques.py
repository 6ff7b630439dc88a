"""La feuille Thématiques : les codes officiels en lignes, les contrats en colonnes."""

from collections.abc import Sequence

from programmation.models import Thematique
from programmation.synthese import SyntheseDesThematiques
from territoires.models import ContratDeVille

from ..formules import ZERO, Critere, Page
from ..mesures import Mesure
from .commun import (
    cellule_fixe,
    champ_de,
    chiffrer,
    cofinancements,
    critere_de_la_ligne,
    ligne_de_total,
    lu,
    part_du_tout,
    partager,
    porteurs,
)

THEME, SOUS_THEME = "Thème", "Sous-thème"


def page_des_thematiques(
    modele,
    synthese: SyntheseDesThematiques,
    thematiques: Sequence[Thematique],
    contrats: Sequence[ContratDeVille],
    mesure: Mesure,
) -> Page:
    """Tous les codes de la nomenclature, même sans action ; chaque thème précède ses sous-thèmes."""
    page = Page(modele, [*lignes_des_themes(thematiques), ligne_de_total()])
    ecran = {("cle_theme", f"theme-{t.theme.pk}"): t for t in synthese.themes}
    ecran |= {
        ("cle_thematique", f"thematique-{t.thematique.pk}"): t for theme in synthese.themes for t in theme.thematiques
    }
    parts = []
    sans_action = ZERO if lu(mesure, synthese.total) else None
    for rang, ligne in enumerate(page.lignes[:-1]):
        colonne = "cle_theme" if ligne["niveau"] == THEME else "cle_thematique"
        critere, lue = critere_de_la_ligne(page, rang, colonne), ecran.get((colonne, ligne["cle"]))
        detailler(page, rang, mesure, [critere], contrats, lu(mesure, lue) if lue else 0)
        parts.append(lue.part if lue else sans_action)
    rang_du_total = len(page.lignes) - 1
    detailler(page, rang_du_total, mesure, [], contrats, lu(mesure, synthese.total))
    total = cellule_fixe(page, champ_de(mesure), rang_du_total)
    partager(page, champ_de(mesure), [*parts, part_du_tout(lu(mesure, synthese.total))], total)
    return page


def lignes_des_themes(thematiques):
    """Les thèmes et leurs sous-thèmes, dans l'ordre des codes."""
    deja_vus = set()
    for thematique in sorted(thematiques, key=lambda t: (t.theme.code, t.theme.pk, t.code)):
        theme = thematique.theme
        if theme.pk not in deja_vus:
            deja_vus.add(theme.pk)
            cle = f"theme-{theme.pk}"
            yield {"cle": cle, "niveau": THEME, "code": theme.code, "libelle": theme.libelle, "forte": True}
        cle = f"thematique-{thematique.pk}"
        yield {"cle": cle, "niveau": SOUS_THEME, "code": thematique.code, "libelle": thematique.libelle}


def detailler(page, rang, mesure, criteres, contrats, ecran):
    """La ligne par contrat, puis son total, ses porteurs et ses cofinancements."""
    ligne = page.lignes[rang]
    for cle in [*(f"contrat-{contrat.pk}" for contrat in contrats), "departement"]:
        ligne[cle] = mesure.valeur(*criteres, Critere("cle_contrat", cle))
    chiffrer(page, rang, mesure, criteres, ecran)
    ligne["porteurs"] = porteurs(mesure.actions, *criteres)
    ligne["cofinancements"] = cofinancements(mesure, *criteres)
