"""Ce que la base de calcul additionne dans les feuilles de faits : les critères et la colonne de chaque base."""

from programmation.enums import EtatFinancement, FamilleFinanceur, NatureFinancement, StatutAction
from programmation.synthese import Base, ChoixDeBase

from .feuilles_de_faits import FAMILLE_DU_COUT
from .formules import Critere, Formule, Page, Selection, ou_inconnu

PROGRAMMEE = Critere("statut", StatutAction.PROGRAMMEE.label)
HORS_PRE = Critere("pre", "non")
HORS_RESSOURCES_PROPRES = Critere("nature", NatureFinancement.RESSOURCES_PROPRES.label, sauf=True)
LIGNE_P147 = Critere("famille", FamilleFinanceur.ANCT_P147.label)
LIGNE_DE_COUT = Critere("famille", FAMILLE_DU_COUT)


def criteres_de_statut(choix: ChoixDeBase) -> list[Critere]:
    """Les actions comptées ; pour le demandé, toutes celles qui sont déposées sauf retirées et non recevables."""
    if choix.base == Base.P147_DEMANDE:
        ecartes = [StatutAction.RETIREE, StatutAction.NON_RECEVABLE]
        statuts = [Critere("cle", "", sauf=True), *(Critere("statut", s.label, sauf=True) for s in ecartes)]
    else:
        statuts = [PROGRAMMEE]
    return statuts + [HORS_PRE] * (not choix.avec_pre)


class Mesure:
    """Compte les actions et additionne le montant de la base, en tout ou pour des clés.

    `actions` : une ligne par action (ou par action et par lieu) ; `montants` : les lignes dont `champ` s'additionne.
    """

    def __init__(self, choix: ChoixDeBase, actions: Selection, montants: Selection, champ: str):
        self.choix, self.actions, self.montants, self.champ = choix, actions, montants, champ

    def nombre(self, *criteres: Critere) -> Formule:
        return self.actions.nombre(*criteres)

    def inconnus(self, *criteres: Critere) -> Formule:
        """Combien d'actions comptées n'ont pas de montant."""
        nombre, connus = self.nombre(*criteres), self.montants.connus(self.champ, *criteres)
        return Formule(f"{nombre.texte}-{connus.texte[1:]}", nombre.cache - connus.cache)

    def montant(self, *criteres: Critere, adresse_du_nombre: str = "") -> Formule:
        """Le montant ; « — » s'il y a des actions et qu'aucun montant n'est connu."""
        somme, connus = self.montants.somme(self.champ, *criteres), self.montants.connus(self.champ, *criteres)
        return ou_inconnu(somme, connus, self.nombre(*criteres), adresse_du_nombre)

    def valeur(self, *criteres: Critere) -> Formule:
        """Ce que la base mesure : le montant, ou le nombre d'actions."""
        return self.montant(*criteres) if self.choix.est_un_montant else self.nombre(*criteres)


def mesure_des_actions(actions: Page, choix: ChoixDeBase) -> Mesure:
    """La mesure lue dans Programmation, une ligne par action."""
    champ = {
        Base.P147_ACCORDE: "p147_accorde",
        Base.P147_DEMANDE: "p147_demande",
        Base.COUT: "cout",
        Base.TOUS_FINANCEURS: "acquis_ou_annonce" if choix.compte_l_annonce else "acquis",
        Base.NOMBRE: "cout",
    }[choix.base]
    selection = Selection(actions, *criteres_de_statut(choix))
    return Mesure(choix, selection, selection, champ)


def mesure_des_lieux(repartition: Page, choix: ChoixDeBase) -> Mesure:
    """La mesure lue dans Répartition : les parts de chaque lieu."""
    statuts = criteres_de_statut(choix)
    sollicite, annonce, refuse = (
        Critere("etat", etat.label, sauf=True)
        for etat in (EtatFinancement.SOLLICITE, EtatFinancement.ANNONCE, EtatFinancement.REFUSE)
    )
    votes = [sollicite, refuse] if choix.compte_l_annonce else [sollicite, annonce, refuse]
    champ, criteres = {
        Base.P147_ACCORDE: ("accorde", [LIGNE_P147]),
        Base.P147_DEMANDE: ("demande", [LIGNE_P147]),
        Base.COUT: ("cout", [LIGNE_DE_COUT]),
        Base.TOUS_FINANCEURS: ("accorde", [*votes, HORS_RESSOURCES_PROPRES]),
        Base.NOMBRE: ("cout", [LIGNE_DE_COUT]),
    }[choix.base]
    comptees = Selection(repartition, *statuts, LIGNE_DE_COUT)
    return Mesure(choix, comptees, Selection(repartition, *statuts, *criteres), champ)
