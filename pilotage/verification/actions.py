"""L'action et ses lieux."""

from django.apps import apps
from django.db.models import Exists, F, OuterRef, Q
from django.db.models import Value as V

from politique_ville.outils.recherche import Recherchable, normaliser
from politique_ville.outils.repartition import cumuls
from programmation.enums import NaturePilier
from programmation.models import Action, Localisation, Pilier

from .outils import Ecart, ecarts_de, nommer, verification


@verification(
    "contrat de l’action", "Le contrat d’une action est du département de son exercice, et en vigueur cette année-là."
)
def contrat_de_l_action():
    situees = Action.objects.exclude(contrat=None)
    ailleurs = situees.exclude(contrat__departement=F("exercice__departement"))
    yield from ecarts_de(ailleurs, "exercice__departement__nom", "contrat__departement__nom")
    hors_dates = situees.exclude(
        contrat__debut__year__lte=F("exercice__annee"), contrat__fin__year__gte=F("exercice__annee")
    )
    yield from ecarts_de(hors_dates, "exercice__annee", "contrat__generation")


@verification("thématique de l’action", "La thématique d’une action est de la nomenclature de son exercice.")
def thematique_de_l_action():
    fautives = Action.objects.exclude(thematique=None).exclude(
        thematique__theme__nomenclature=F("exercice__nomenclature")
    )
    return ecarts_de(fautives, "exercice__nomenclature__millesime", "thematique__theme__nomenclature__millesime")


@verification(
    "pilier de l’action", "Le pilier d’une action s’additionne ; ses étiquettes sont des piliers transversaux."
)
def pilier_de_l_action():
    fautives = Action.objects.filter(pilier__nature=NaturePilier.TRANSVERSAL)
    yield from ecarts_de(fautives, V("un pilier ou une ligne"), "pilier__code")
    etiquettes = Action.piliers_transversaux.through.objects
    non_transversaux = Pilier.objects.exclude(nature=NaturePilier.TRANSVERSAL)
    for pk, intitule, code in etiquettes.filter(pilier__in=non_transversaux).values_list(
        "action", "action__intitule", "pilier__code"
    ):
        yield Ecart(nommer(Action, pk, intitule), "une étiquette transversale", code)


@verification("campagne de l’action", "La campagne d’une action est de son exercice et, si elle a un contrat, du sien.")
def campagne_de_l_action():
    autre_exercice = Action.objects.exclude(campagne__exercice=F("exercice"))
    yield from ecarts_de(autre_exercice, "exercice__annee", "campagne__exercice__annee")
    d_un_contrat = Action.objects.filter(campagne__contrat__isnull=False)
    autre_contrat = d_un_contrat.filter(Q(contrat=None) | ~Q(contrat=F("campagne__contrat")))
    yield from ecarts_de(autre_contrat, "campagne__contrat__intitule", "contrat__intitule")


@verification(
    "enveloppe de l’action",
    "L’enveloppe d’une action est de son exercice et, si elle est propre à un contrat ou à un dispositif, du sien.",
)
def enveloppe_de_l_action():
    fautives = Action.objects.exclude(enveloppe=None).exclude(enveloppe__exercice=F("exercice"))
    yield from ecarts_de(fautives, "exercice__annee", "enveloppe__exercice__annee")
    yield from enveloppes_d_ailleurs(Action.objects.all(), "")


def enveloppes_d_ailleurs(lignes, vers_l_action):
    """Les lignes portées par l'enveloppe d'un autre contrat ou d'un autre dispositif que ceux de leur action."""
    for champ, nom in {"contrat": "intitule", "dispositif": "libelle"}.items():
        sien, propre = f"{vers_l_action}{champ}", f"enveloppe__{champ}"
        fautives = lignes.filter(**{f"{propre}__isnull": False}).filter(Q(**{sien: None}) | ~Q(**{sien: F(propre)}))
        yield from ecarts_de(fautives, f"{sien}__{nom}", f"{propre}__{nom}")


@verification(
    "établissement de l’action",
    "L’établissement d’une action est celui de son porteur, ou d’un organisme qui y est réuni.",
)
def etablissement_de_l_action():
    situees = Action.objects.exclude(etablissement=None)
    siens = Q(etablissement__organisme=F("porteur")) | Q(etablissement__organisme__fusionne_dans=F("porteur"))
    fautives = situees.exclude(pk__in=situees.filter(siens).order_by().values("pk"))
    return ecarts_de(fautives, "porteur__nom", "etablissement__organisme__nom")


@verification("bénéficiaires", "Ni femmes et hommes ensemble, ni les habitants des quartiers, ne dépassent le total.")
def beneficiaires():
    par_sexe = F("beneficiaires_femmes") + F("beneficiaires_hommes")
    trop_par_sexe = Action.objects.filter(beneficiaires_prevus__lt=par_sexe)
    yield from ecarts_de(trop_par_sexe, "beneficiaires_prevus", par_sexe)
    trop_d_habitants = Action.objects.filter(beneficiaires_prevus__lt=F("beneficiaires_qpv"))
    yield from ecarts_de(trop_d_habitants, "beneficiaires_prevus", "beneficiaires_qpv")


@verification("version", "La version d’une action commence à 1.")
def version():
    return ecarts_de(Action.objects.filter(version__lt=1), V("au moins 1"), "version")


@verification("texte de recherche", "La colonne de recherche est le texte normalisé de l’objet.")
def texte_de_recherche():
    for modele in apps.get_models():
        if issubclass(modele, Recherchable):
            for objet in modele._base_manager.iterator():
                attendu = normaliser(objet.texte_de_recherche())
                if objet.recherche != attendu:
                    yield Ecart(nommer(modele, objet.pk, objet), attendu, objet.recherche)


@verification(
    "quartier de l’action", "Un quartier où une action a lieu est de son contrat ; l’échelle du département n’en a pas."
)
def quartier_de_l_action():
    du_contrat = Action.objects.filter(pk=OuterRef("action"), contrat=OuterRef("quartier__contrat"))
    return ecarts_de(
        Localisation.objects.filter(~Exists(du_contrat)), "action__contrat__intitule", "quartier__contrat__intitule"
    )


@verification("clés cumulées", "Les clés cumulées d’une action suivent ses clés, dans l’ordre des quartiers.")
def cles_cumulees():
    lues = Localisation.objects.order_by("action_id", "quartier_id").values_list(
        "action", "action__intitule", "cle", "cumul_avant", "cumul_apres", "cumul_total"
    )
    groupe = []
    for ligne in lues.iterator():
        if groupe and ligne[0] != groupe[0][0]:
            yield from cumuls_faux(groupe)
            groupe = []
        groupe.append(ligne)
    yield from cumuls_faux(groupe)


def cumuls_faux(lignes):
    """Les localisations d'une même action dont les cumuls ne sont pas ceux de leurs clés."""
    attendus = cumuls([cle for _, _, cle, *_ in lignes]) if lignes else []
    for (action, intitule, _, *trouves), attendu in zip(lignes, attendus, strict=True):
        if tuple(trouves) != attendu:
            yield Ecart(nommer(Action, action, intitule), attendu, tuple(trouves))
