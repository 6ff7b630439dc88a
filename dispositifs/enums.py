"""Les listes fermées des dispositifs : postes adultes-relais et FONJEP, programmes de réussite éducative."""

from django.db import models


class NatureContrat(models.TextChoices):
    CDI = "cdi", "CDI"
    CDD = "cdd", "CDD"


class CategorieEmployeur(models.TextChoices):
    """Les employeurs de L5134-101 ; leur droit au CDI vient de L5134-103 (tableau de la fiche F1019)."""

    COLLECTIVITE = "collectivite", "Collectivité, EPCI ou établissement public local"
    EPLE = "eple", "Établissement public local d’enseignement"
    SANTE = "sante", "Établissement public de santé"
    EPIC = "epic", "Établissement public industriel et commercial"
    OFFICE_HLM = "office_hlm", "Office public de l’habitat"
    ASSOCIATION = "association", "Organisme privé à but non lucratif"
    SERVICE_PUBLIC = "service_public", "Personne privée gérant un service public"

    @property
    def admet_le_cdi(self):
        """Une personne publique, sauf un EPIC ou un office HLM, ne peut conclure qu'un CDD."""
        return self not in (self.COLLECTIVITE, self.EPLE, self.SANTE)


class Mission(models.TextChoices):
    """Les six missions de D5134-145."""

    ACCUEIL = "accueil", "Accueil, écoute et lien social"
    DEMARCHES = "demarches", "Accompagnement dans les démarches, dialogue avec les services publics"
    CADRE_DE_VIE = "cadre_de_vie", "Cadre de vie"
    CONFLITS = "conflits", "Prévention et résolution des petits conflits"
    GENERATIONS = "generations", "Dialogue entre générations et fonction parentale"
    VIE_ASSOCIATIVE = "vie_associative", "Vie associative"


class EtatOccupation(models.TextChoices):
    POURVU = "pourvu", "Pourvu"
    VACANT = "vacant", "Vacant"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.POURVU: "success", self.VACANT: "warning"}[self]


class EtatDuPoste(models.TextChoices):
    """Ce que l'on sait d'un poste un jour donné."""

    POURVU = EtatOccupation.POURVU.value, EtatOccupation.POURVU.label
    VACANT = EtatOccupation.VACANT.value, EtatOccupation.VACANT.label
    NON_RENSEIGNE = "inconnu", "Non renseigné"
    SANS_CONVENTION = "sans_convention", "Sans convention"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.POURVU: "success", self.VACANT: "warning", self.NON_RENSEIGNE: "info"}.get(self, "")


class SuiteConvention(models.TextChoices):
    """Ce que le préfet décide à la fin d'une convention."""

    A_DECIDER = "a_decider", "À décider"
    RENOUVELER = "renouveler", "Renouvellement décidé"
    TERMINER = "terminer", "Fin décidée"


class StatutBareme(models.TextChoices):
    """Ce que l'on sait d'un barème ; « inconnu » est un trou : aucun montant ne se déduit du précédent."""

    DATE = "date", "Date d’effet et montant lus dans la source"
    DEDUIT = "deduit", "Montant lu, date d’effet déduite"
    ANNUEL = "annuel", "Valeur annuelle, date d’effet non vérifiée"
    INCONNU = "inconnu", "Montant inconnu"


class Prorata(models.TextChoices):
    """La règle de prorata temporis. Celle de l'ASP n'est pas connue : c'est un paramètre, écrit avec chaque coût."""

    JOURS = "jours", "Prorata des jours de l’année (365 ou 366)"
    DOUZIEMES = "douziemes", "Douzièmes, et prorata des jours d’un mois incomplet"


class Horizon(models.TextChoices):
    """À combien de mois est une échéance."""

    ECHUE = "echue", "Échue"
    TROIS_MOIS = "3", "Dans les 3 mois"
    SIX_MOIS = "6", "Dans les 6 mois"
    DOUZE_MOIS = "12", "Dans les 12 mois"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.ECHUE: "error", self.TROIS_MOIS: "warning", self.SIX_MOIS: "info"}.get(self, "")


class NaturePorteurPre(models.TextChoices):
    """Un PRE est porté par une structure à comptabilité publique."""

    CCAS = "ccas", "CCAS ou CIAS"
    CAISSE_DES_ECOLES = "caisse_des_ecoles", "Caisse des écoles"
    GIP = "gip", "GIP"
    EPLE = "eple", "Établissement public local d’enseignement"
    REGIE = "regie", "Régie personnalisée"


class TrancheAge(models.TextChoices):
    DE_2_A_5 = "2-5", "2 à 5 ans"
    DE_6_A_10 = "6-10", "6 à 10 ans"
    DE_11_A_16 = "11-16", "11 à 16 ans"
    DES_17 = "17+", "17 ans et plus"


class Sexe(models.TextChoices):
    FILLES = "f", "Filles"
    GARCONS = "g", "Garçons"


class Prescripteur(models.TextChoices):
    ECOLE = "ecole", "École, collège, lycée"
    FAMILLE = "famille", "Famille"
    SOCIAL = "social", "Services sociaux"
    SANTE = "sante", "Santé"
    AUTRE = "autre", "Autre"


class DomainePre(models.TextChoices):
    SANTE = "sante", "Santé"
    SCOLARITE = "scolarite", "Scolarité"
    PARENTALITE = "parentalite", "Parentalité"


class AxeEffectif(models.TextChoices):
    """Selon quoi les enfants d'un PRE sont comptés : toujours des agrégats, jamais un enfant."""

    AGE_ET_SEXE = "age_sexe", "Âge et sexe"
    PRESCRIPTEUR = "prescripteur", "Prescripteur"
    DOMAINE = "domaine", "Domaine"

    @property
    def modalites(self):
        """Les codes des cases de cet axe."""
        if self == self.AGE_ET_SEXE:
            return [f"{tranche}{sexe}" for tranche in TrancheAge.values for sexe in Sexe.values]
        return (Prescripteur if self == self.PRESCRIPTEUR else DomainePre).values

    @property
    def libelles(self):
        """Les libellés des cases, dans l'ordre de `modalites`."""
        if self == self.AGE_ET_SEXE:
            return [f"{sexe}, {tranche}" for tranche in TrancheAge.labels for sexe in Sexe.labels]
        return (Prescripteur if self == self.PRESCRIPTEUR else DomainePre).labels

    @property
    def est_une_partition(self):
        """Chaque enfant est dans une case et une seule ; un enfant peut relever de plusieurs domaines."""
        return self != self.DOMAINE
