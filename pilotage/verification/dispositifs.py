"""Les postes adultes-relais et FONJEP : ce que leurs périodes doivent respecter ensemble."""

from collections import defaultdict

from django.db.models import F
from django.db.models import Value as V

from dispositifs import regles
from dispositifs.dates import dernier_jour, en_clair
from dispositifs.models import (
    DUREE_MAXIMALE,
    ActionDuSuivi,
    AvenantAdulteRelais,
    ConventionAdulteRelais,
    EffectifPre,
    LieuDuPoste,
    LieuFonjep,
    Occupation,
    PosteAdulteRelais,
    PosteFonjep,
    ReleveAnct,
    ReleveFonjep,
    SuiviPre,
    TriennaliteFonjep,
)

from .outils import Ecart, ecarts_de, nommer, verification


@verification("durée d’une convention", "Une convention d’adulte-relais ou une période FONJEP dure au plus trois ans.")
def duree_d_une_convention():
    for modele in (ConventionAdulteRelais, TriennaliteFonjep):
        for pk, debut, fin in modele.objects.order_by("pk").values_list("pk", "debut", "fin").iterator():
            limite = dernier_jour(debut, DUREE_MAXIMALE)
            if fin > limite:
                yield Ecart(nommer(modele, pk, pk), f"au plus le {en_clair(limite)}", en_clair(fin))


@verification(
    "périodes d’un poste",
    "Les conventions, les occupations et les périodes d’un poste ne se chevauchent pas et tiennent l’une dans l’autre.",
)
def periodes_d_un_poste():
    conventions = ConventionAdulteRelais.objects.select_related("poste")
    par_poste = grouper(conventions, "poste_id")
    occupations = grouper(Occupation.objects.select_related("convention"), "convention_id")
    avenants = grouper(AvenantAdulteRelais.objects.all(), "convention_id")
    for siennes in par_poste.values():
        erreurs = regles.erreurs_de_chevauchement(siennes)
        for convention in siennes:
            periodes = occupations.get(convention.pk, [])
            erreurs += regles.erreurs_de_chevauchement(periodes)
            erreurs += regles.erreurs_des_avenants(convention, avenants.get(convention.pk, []))
            for occupation in periodes:
                categorie = convention.poste.categorie_employeur
                erreurs += regles.erreurs_de_l_occupation(occupation, convention, categorie)
        yield from ecarts_des_erreurs(siennes[0].poste, erreurs)
    for triennalites in grouper(TriennaliteFonjep.objects.select_related("poste"), "poste_id").values():
        yield from ecarts_des_erreurs(triennalites[0].poste, regles.erreurs_des_triennalites(triennalites))


def grouper(lignes, champ):
    groupes = defaultdict(list)
    for ligne in lignes.order_by("pk"):
        groupes[getattr(ligne, champ)].append(ligne)
    return groupes


def ecarts_des_erreurs(poste, erreurs):
    for _, phrase in erreurs:
        yield Ecart(nommer(type(poste), poste.pk, poste), "des périodes qui s’accordent", phrase)


@verification(
    "territoire d’un poste", "Le contrat d’un poste est de son département, ses quartiers sont de son contrat."
)
def territoire_d_un_poste():
    for modele, nom in ((PosteAdulteRelais, "numero"), (PosteFonjep, "code")):
        ailleurs = modele.objects.exclude(contrat=None).exclude(contrat__departement=F("departement"))
        yield from ecarts_de(ailleurs, "departement__nom", "contrat__departement__nom", nom=nom)
    for modele in (LieuDuPoste, LieuFonjep):
        hors_contrat = modele.objects.exclude(quartier__contrat=F("poste__contrat"))
        yield from ecarts_de(hors_contrat, V("un quartier du contrat"), "quartier__nom")


@verification("relevé publié", "Un relevé porte le numéro de son poste.")
def releve_publie():
    for modele, nom in ((ReleveAnct, "poste__numero"), (ReleveFonjep, "poste__code")):
        d_ailleurs = modele.objects.exclude(**{nom: None}).exclude(id_publie__startswith=F(nom))
        yield from ecarts_de(d_ailleurs, nom, "id_publie")


@verification(
    "suivi de PRE",
    "Les effectifs d’un PRE font ses enfants suivis (à défaut, un axe complet) ; son année et ses actions conviennent.",
)
def suivi_de_pre():
    effectifs = grouper(EffectifPre.objects.all(), "suivi_id")
    actions = grouper(ActionDuSuivi.objects.select_related("action__dispositif"), "suivi_id")
    for suivi in SuiviPre.objects.select_related("programme__contrat", "exercice").order_by("pk").iterator():
        cases = {(ligne.axe, ligne.modalite): ligne.nombre for ligne in effectifs.get(suivi.pk, [])}
        erreurs = regles.erreurs_des_effectifs(vars(suivi), cases)
        erreurs += regles.erreurs_du_programme(suivi.programme, [suivi], [])
        for lien in actions.get(suivi.pk, []):
            erreurs += regles.erreurs_de_l_action(lien.action, suivi)
        for _, phrase in erreurs:
            yield Ecart(nommer(SuiviPre, suivi.pk, suivi), "un suivi qui s’accorde", phrase)
