"""Un poste adulte-relais avec tout ce qu'il porte, pour juger ensemble ses conventions et ses occupations."""

from .. import regles
from ..models import AvenantAdulteRelais, ConventionAdulteRelais, Occupation
from .outils import refuser


class Dossiers:
    """Les conventions, avenants et occupations de ces postes, lus une fois ; l'opération y ajoute ce qu'elle crée."""

    def __init__(self, postes):
        self.postes = {poste.pk: poste for poste in postes}
        conventions = ConventionAdulteRelais.objects.filter(poste__in=self.postes)
        self.conventions = {convention.pk: convention for convention in conventions}
        self.avenants = {a.pk: a for a in AvenantAdulteRelais.objects.filter(convention__in=self.conventions)}
        self.occupations = {o.pk: o for o in Occupation.objects.filter(convention__in=self.conventions)}
        for convention in self.conventions.values():
            convention.poste = self.postes[convention.poste_id]
        for ligne in (*self.avenants.values(), *self.occupations.values()):
            ligne.convention = self.conventions[ligne.convention_id]

    def controler(self, nouvelles=()):
        """Lève OperationRefusee si les périodes, avec ces lignes nouvelles, se contredisent."""
        conventions = [*self.conventions.values(), *de_type(nouvelles, ConventionAdulteRelais)]
        occupations = [*self.occupations.values(), *de_type(nouvelles, Occupation)]
        avenants = [*self.avenants.values(), *de_type(nouvelles, AvenantAdulteRelais)]
        for poste in self.postes.values():
            siennes = [convention for convention in conventions if convention.poste is poste]
            refuser(erreurs_du_poste(poste, siennes, occupations, avenants))


def erreurs_du_poste(poste, conventions, occupations, avenants):
    """Tout ce qui se contredit dans un poste, en couples (champ, phrase)."""
    erreurs = regles.erreurs_de_chevauchement(conventions)
    for convention in conventions:
        siennes = [occupation for occupation in occupations if occupation.convention is convention]
        for occupation in siennes:
            erreurs += regles.erreurs_de_l_occupation(occupation, convention, poste.categorie_employeur)
        erreurs += regles.erreurs_de_chevauchement(siennes)
        les_siens = [avenant for avenant in avenants if avenant.convention is convention]
        erreurs += regles.erreurs_des_avenants(convention, les_siens)
    return erreurs


def de_type(lignes, modele):
    return [ligne for ligne in lignes if isinstance(ligne, modele)]
