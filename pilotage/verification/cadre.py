"""Les territoires, les gens, les organismes et le cadre de l'année."""

from django.db.models import F, Q
from django.db.models import Value as V

from comptes.enums import Role
from comptes.models import Habilitation
from politique_ville.outils.montants import total
from politique_ville.outils.siret import siren_valide, siret_valide
from programmation.enums import NatureMouvement, NaturePilier, StatutExercice
from programmation.models import (
    Action,
    Campagne,
    Correspondance,
    Decision,
    Enveloppe,
    Etablissement,
    Exercice,
    Lot,
    MouvementEnveloppe,
    Organisme,
    PartenaireFinanceur,
)
from territoires.models import FiliationContrat, FiliationQuartier, Quartier

from .actions import enveloppes_d_ailleurs
from .outils import Ecart, ecarts_de, nommer, verification


@verification("génération du quartier", "Un quartier est de la génération de son contrat.")
def generation_du_quartier():
    fautifs = Quartier.objects.exclude(generation=F("contrat__generation"))
    return ecarts_de(fautifs, "contrat__generation", "generation", nom="nom")


@verification("filiation", "Une filiation va d’une génération à la suivante.")
def filiation():
    for modele in (FiliationContrat, FiliationQuartier):
        fautives = modele.objects.exclude(ancien__generation__lt=F("nouveau__generation"))
        yield from ecarts_de(fautives, V("une génération antérieure"), "ancien__generation")


@verification(
    "habilitation d’écriture", "Qui saisit ou décide est habilité sur un contrat ou un territoire plus grand."
)
def habilitation_d_ecriture():
    fautives = Habilitation.objects.filter(role__in=Role.qui_ecrivent(), quartier__isnull=False)
    return ecarts_de(fautives, V("pas de quartier"), "quartier__nom", nom="utilisateur__courriel")


@verification("partenaire financeur", "Seule l’habilitation d’un partenaire se borne à un financeur.")
def partenaire_financeur():
    fautifs = PartenaireFinanceur.objects.exclude(habilitation__role=Role.PARTENAIRE)
    return ecarts_de(fautifs, V(Role.PARTENAIRE), "habilitation__role", nom="habilitation__utilisateur__courriel")


@verification(
    "SIREN et SIRET", "La clé d’un SIREN ou d’un SIRET est juste, et un SIRET commence par le SIREN de son organisme."
)
def siren_et_siret():
    for pk, nom, siren in Organisme.objects.exclude(siren=None).values_list("pk", "nom", "siren").iterator():
        if not siren_valide(siren):
            yield Ecart(nommer(Organisme, pk, nom), "une clé juste", siren)
    etablissements = Etablissement.objects.values_list("pk", "siret", "organisme__siren")
    for pk, siret, siren in etablissements.iterator():
        if not siret_valide(siret):
            yield Ecart(nommer(Etablissement, pk, siret), "une clé juste", siret)
        elif siren and not siret.startswith(siren):
            yield Ecart(nommer(Etablissement, pk, siret), siren, siret)


@verification("fusion d’organismes", "Une fusion ne s’enchaîne pas : la cible n’est pas fusionnée à son tour.")
def fusion():
    fautives = Organisme.objects.filter(fusionne_dans__fusionne_dans__isnull=False)
    return ecarts_de(fautives, V("une cible vivante"), "fusionne_dans__nom", nom="nom")


@verification("correspondance", "Une correspondance ne mène pas à un pilier transversal.")
def correspondance():
    fautives = Correspondance.objects.filter(pilier__nature=NaturePilier.TRANSVERSAL)
    return ecarts_de(fautives, V("un pilier ou une ligne"), "pilier__code", nom="thematique__code")


@verification("campagne", "Un exercice a au moins une campagne ; son contrat est du même département.")
def campagne():
    yield from ecarts_de(Exercice.objects.filter(campagnes=None), V("une campagne"), V("aucune"), nom="annee")
    ailleurs = Campagne.objects.exclude(contrat=None).exclude(contrat__departement=F("exercice__departement"))
    yield from ecarts_de(ailleurs, "exercice__departement__nom", "contrat__departement__nom", nom="intitule")


@verification("campagnes d’un exercice clos", "Un exercice clos n’a que des campagnes figées.")
def campagnes_d_un_exercice_clos():
    fautives = Campagne.objects.filter(exercice__statut=StatutExercice.CLOS, figee_le=None)
    return ecarts_de(fautives, V("figée"), V("ouverte"), nom="intitule")


@verification(
    "enveloppe",
    "Une enveloppe est de l’exercice de sa mère, de son contrat et de son dispositif s’ils sont dits ; sans boucle.",
)
def enveloppe():
    autre_exercice = Enveloppe.objects.exclude(parent=None).exclude(parent__exercice=F("exercice"))
    yield from ecarts_de(autre_exercice, "exercice__annee", "parent__exercice__annee", nom="libelle")
    ailleurs = Enveloppe.objects.exclude(contrat=None).exclude(contrat__departement=F("exercice__departement"))
    yield from ecarts_de(ailleurs, "exercice__departement__nom", "contrat__departement__nom", nom="libelle")
    yield from filles_d_ailleurs()
    yield from boucles()


def filles_d_ailleurs():
    """Les sous-enveloppes qui ne sont pas du contrat ou du dispositif de leur mère."""
    for champ, nom in {"contrat": "intitule", "dispositif": "libelle"}.items():
        propre = f"parent__{champ}"
        filles = Enveloppe.objects.filter(**{f"{propre}__isnull": False})
        fautives = filles.filter(Q(**{champ: None}) | ~Q(**{champ: F(propre)}))
        yield from ecarts_de(fautives, f"{propre}__{nom}", f"{champ}__{nom}", nom="libelle")


def boucles():
    meres = dict(Enveloppe.objects.order_by().values_list("pk", "parent"))
    noms = dict(Enveloppe.objects.order_by().values_list("pk", "libelle"))
    for pk in meres:
        lignee, mere = set(), meres[pk]
        while mere is not None and mere not in lignee:
            lignee.add(mere)
            mere = meres[mere]
        if pk in lignee:
            yield Ecart(nommer(Enveloppe, pk, noms[pk]), "une mère qui n’en descend pas", "une boucle")


@verification(
    "enveloppe d’une décision",
    "Une décision se prend dans une feuille d’enveloppe de son exercice et, si elle leur est propre, du contrat et du "
    "dispositif de l’action.",
)
def enveloppe_d_une_decision():
    decisions = Decision.objects.exclude(enveloppe=None)
    ailleurs = decisions.exclude(enveloppe__exercice=F("action__exercice"))
    yield from ecarts_de(ailleurs, "action__exercice__annee", "enveloppe__exercice__annee")
    yield from enveloppes_d_ailleurs(decisions, "action__")
    divisees = decisions.filter(Q(enveloppe__in=Enveloppe.objects.exclude(parent=None).values("parent")))
    yield from ecarts_de(divisees, V("une feuille"), "enveloppe__libelle")


@verification(
    "crédits rendus à une enveloppe",
    "Une enveloppe ne reprend pas à une action plus qu’elle ne lui a accordé, sauf ce qui le fut sans enveloppe.",
)
def credits_rendus():
    sans_enveloppe = Decision.objects.filter(enveloppe=None).exclude(montant=0).order_by().values("action")
    decisions = Decision.objects.exclude(enveloppe=None).exclude(action__in=sans_enveloppe).order_by()
    par_enveloppe = decisions.values_list("action", "action__intitule", "enveloppe__libelle", "enveloppe")
    for action, intitule, libelle, _, somme in par_enveloppe.annotate(somme=total("montant")).filter(somme__lt=0):
        yield Ecart(nommer(Action, action, intitule), f"au moins 0,00 € de « {libelle} »", somme)


@verification("redéploiement", "Redéployer ne crée aucun crédit : par exercice, les deux côtés s’annulent.")
def redeploiement():
    redeployes = MouvementEnveloppe.objects.filter(nature=NatureMouvement.REDEPLOIEMENT).order_by()
    par_exercice = redeployes.values_list("enveloppe__exercice", "enveloppe__exercice__annee")
    for pk, annee, ae, cp in par_exercice.annotate(ae=total("ae"), cp=total("cp")):
        for somme in (ae, cp):
            if somme:
                yield Ecart(nommer(Exercice, pk, annee), "0,00 € redéployés en tout", somme)


@verification("annulation d’un mouvement", "Le mouvement qui en annule un autre est son exact inverse.")
def annulation_d_un_mouvement():
    lus = MouvementEnveloppe.objects.exclude(annule=None).select_related("annule").order_by("pk")
    for mouvement in lus.iterator():
        annule = mouvement.annule
        voulu = annule.enveloppe_id, -annule.ae, -annule.cp
        if (mouvement.enveloppe_id, mouvement.ae, mouvement.cp) != voulu:
            yield Ecart(nommer(MouvementEnveloppe, mouvement.pk, mouvement), -annule.ae, mouvement.ae)


@verification("dépassement motivé", "Une décision au-delà du disponible dit pourquoi.")
def depassement_motive():
    sans_motif = Decision.objects.filter(depassement__isnull=False, motif="")
    return ecarts_de(sans_motif, V("un motif"), V("aucun"))


@verification("département d’un lot", "Un lot importé dans un exercice est du département de cet exercice.")
def departement_d_un_lot():
    d_ailleurs = Lot.objects.exclude(exercice=None).exclude(exercice__departement=F("departement"))
    return ecarts_de(d_ailleurs, "exercice__departement__nom", "departement__nom", nom="nom_du_fichier")
