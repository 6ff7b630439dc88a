"""Les listes fermées de la programmation : chaque valeur sait son libellé, sa couleur DSFR et ce qu'elle implique."""

from django.db import models


class NaturePilier(models.TextChoices):
    PILIER = "pilier", "Pilier"
    LIGNE = "ligne", "Ligne"
    TRANSVERSAL = "transversal", "Pilier transversal"

    @classmethod
    def qui_s_additionnent(cls):
        """Les piliers et la ligne font le total ; le transversal est une étiquette."""
        return [cls.PILIER, cls.LIGNE]


class StatutExercice(models.TextChoices):
    PREPARATION = "preparation", "En préparation"
    OUVERT = "ouvert", "Ouvert"
    CLOS = "clos", "Clos"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.PREPARATION: "info", self.OUVERT: "success"}.get(self, "")


class NatureMouvement(models.TextChoices):
    PREVISION = "prevision", "Prévision"
    NOTIFICATION = "notification", "Notification"
    COMPLEMENT = "complement", "Complément"
    MISE_EN_RESERVE = "mise_en_reserve", "Mise en réserve"
    GEL = "gel", "Gel"
    DEGEL = "degel", "Dégel"
    REDEPLOIEMENT = "redeploiement", "Redéploiement"
    RETRAIT = "retrait", "Retrait"

    @classmethod
    def deduites(cls):
        """Celles dont le montant, saisi sans signe, se déduit."""
        return [cls.MISE_EN_RESERVE, cls.GEL, cls.RETRAIT]

    @classmethod
    def saisissables(cls):
        """Un redéploiement a son propre geste, qui écrit ses deux mouvements."""
        return [nature for nature in cls if nature != cls.REDEPLOIEMENT]


class FormeOrganisme(models.TextChoices):
    ASSOCIATION = "association", "Association"
    COMMUNE = "commune", "Commune"
    EPCI = "epci", "EPCI"
    CCAS = "ccas", "CCAS ou CIAS"
    CAISSE_DES_ECOLES = "caisse_des_ecoles", "Caisse des écoles"
    GIP = "gip", "GIP"
    EPLE = "eple", "Établissement public local d’enseignement"
    BAILLEUR = "bailleur", "Bailleur social"
    SANTE = "sante", "Établissement de santé"
    AUTRE = "autre", "Autre"


class Droit(models.TextChoices):
    PRIVE = "prive", "Droit privé"
    PUBLIC = "public", "Droit public"


class FamilleFinanceur(models.TextChoices):
    ANCT_P147 = "anct_p147", "ANCT – P147"
    ETAT = "etat", "État, droit commun"
    REGION = "region", "Région"
    DEPARTEMENT = "departement", "Département"
    EPCI = "epci", "EPCI"
    COMMUNE = "commune", "Commune"
    CAF = "caf", "CAF"
    BAILLEUR = "bailleur", "Bailleur"
    EUROPE = "europe", "Europe"
    AUTRE_PUBLIC = "autre_public", "Autre public"
    PRIVE = "prive", "Privé"
    AUTOFINANCEMENT = "autofinancement", "Autofinancement"

    @classmethod
    def publiques(cls):
        """Les familles qui concourent au rang des financeurs publics."""
        return [famille for famille in cls if famille not in (cls.PRIVE, cls.AUTOFINANCEMENT)]

    @property
    def nature_proposee(self):
        """La nature de financement proposée à la saisie, que l'agent peut changer."""
        if self == self.ANCT_P147:
            return NatureFinancement.SPECIFIQUE
        if self == self.AUTOFINANCEMENT:
            return NatureFinancement.RESSOURCES_PROPRES
        return NatureFinancement.DROIT_COMMUN


class NatureFinancement(models.TextChoices):
    SPECIFIQUE = "specifique", "Crédits spécifiques"
    DROIT_COMMUN = "droit_commun", "Droit commun"
    RESSOURCES_PROPRES = "ressources_propres", "Ressources propres"


class EtatFinancement(models.TextChoices):
    SOLLICITE = "sollicite", "Sollicité"
    ANNONCE = "annonce", "Annoncé"
    ACQUIS = "acquis", "Acquis"
    REFUSE = "refuse", "Refusé"


class Echelle(models.TextChoices):
    CONTRAT = "contrat", "Contrat de ville"
    DEPARTEMENT = "departement", "Département"


class Origine(models.TextChoices):
    NOUVELLE = "nouvelle", "Nouvelle"
    RECONDUITE = "reconduite", "Reconduite"


class Duree(models.TextChoices):
    ANNUELLE = "annuelle", "Annuelle"
    CPO = "cpo", "Convention pluriannuelle d’objectifs (CPO)"


class StatutAction(models.TextChoices):
    BROUILLON = "brouillon", "Brouillon"
    DEPOSEE = "deposee", "Déposée"
    INSTRUITE = "instruite", "Instruite"
    PROGRAMMEE = "programmee", "Programmée"
    LISTE_ATTENTE = "liste_attente", "Liste d’attente"
    AJOURNEE = "ajournee", "Ajournée"
    NON_RETENUE = "non_retenue", "Non retenue"
    NON_RECEVABLE = "non_recevable", "Non recevable"
    RETIREE = "retiree", "Retirée"
    DEPROGRAMMEE = "deprogrammee", "Déprogrammée"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {
            self.BROUILLON: "",
            self.DEPOSEE: "info",
            self.INSTRUITE: "info",
            self.PROGRAMMEE: "success",
            self.LISTE_ATTENTE: "warning",
            self.AJOURNEE: "warning",
        }.get(self, "error")

    @classmethod
    def a_decider(cls):
        """Déposées ou instruites, ou mises de côté : une décision d'attribution peut encore les programmer."""
        return [cls.DEPOSEE, cls.INSTRUITE, cls.LISTE_ATTENTE, cls.AJOURNEE]

    @classmethod
    def sans_suite(cls):
        return [cls.NON_RETENUE, cls.NON_RECEVABLE, cls.RETIREE, cls.DEPROGRAMMEE]


class NatureDecision(models.TextChoices):
    ATTRIBUTION = "attribution", "Attribution"
    COMPLEMENT = "complement", "Complément"
    DIMINUTION = "diminution", "Diminution"
    DEPROGRAMMATION = "deprogrammation", "Déprogrammation"
    AJOURNEMENT = "ajournement", "Ajournement"
    LISTE_ATTENTE = "liste_attente", "Liste d’attente"
    NON_RECEVABLE = "non_recevable", "Non recevable"
    NON_RETENUE = "non_retenue", "Non retenue"

    @property
    def statut(self):
        """Le statut que la décision donne à l'action."""
        return {
            self.AJOURNEMENT: StatutAction.AJOURNEE,
            self.LISTE_ATTENTE: StatutAction.LISTE_ATTENTE,
            self.NON_RECEVABLE: StatutAction.NON_RECEVABLE,
            self.NON_RETENUE: StatutAction.NON_RETENUE,
            self.DEPROGRAMMATION: StatutAction.DEPROGRAMMEE,
        }.get(self, StatutAction.PROGRAMMEE)

    @classmethod
    def premieres(cls):
        """Celles qui tranchent une demande ; le gel de la campagne les interdit."""
        return [
            cls.ATTRIBUTION,
            cls.AJOURNEMENT,
            cls.LISTE_ATTENTE,
            cls.NON_RECEVABLE,
            cls.NON_RETENUE,
        ]

    @classmethod
    def sans_montant(cls):
        return [cls.AJOURNEMENT, cls.LISTE_ATTENTE, cls.NON_RECEVABLE, cls.NON_RETENUE]

    @classmethod
    def refus(cls):
        """Celles qui ferment la demande : la ligne P147 devient « refusée », à 0 €."""
        return [cls.NON_RECEVABLE, cls.NON_RETENUE, cls.DEPROGRAMMATION]


class MotifStatut(models.TextChoices):
    """Pourquoi une action sort du circuit, ou y revient."""

    DOUBLON = "doublon", "Doublon"
    HORS_DELAI = "hors_delai", "Hors délai"
    HORS_QPV = "hors_qpv", "Hors QPV"
    INCOMPLET = "incomplet", "Dossier incomplet"
    HORS_OBJET = "hors_objet", "Hors des objectifs du contrat"
    CREDITS = "credits", "Crédits insuffisants"
    DROIT_COMMUN = "droit_commun", "Relève du droit commun"
    DEMANDE_PORTEUR = "demande_porteur", "À la demande du porteur"
    REPECHAGE = "repechage", "Repêchage"
    ERREUR = "erreur", "Erreur de saisie"
    AUTRE = "autre", "Autre"


class EtatLot(models.TextChoices):
    PREPARE = "prepare", "Prêt à confirmer"
    REFUSE = "refuse", "À corriger"
    APPLIQUE = "applique", "Appliqué"


class QualiteAvis(models.TextChoices):
    """Au nom de qui l'avis est donné ; la campagne dit lesquels elle exige."""

    DELEGUE = "delegue", "Délégué du préfet"
    SERVICE = "service", "Service de l’État"
    CHEF_DE_PROJET = "chef_de_projet", "Chef de projet"

    @property
    def de_qui(self):
        """« Avis … manquant »."""
        return {self.DELEGUE: "du délégué", self.SERVICE: "du service"}.get(self, "du chef de projet")


class SensAvis(models.TextChoices):
    FAVORABLE = "favorable", "Favorable"
    RESERVE = "reserve", "Réservé"
    DEFAVORABLE = "defavorable", "Défavorable"
    DISPENSE = "dispense", "Dispense"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.FAVORABLE: "success", self.RESERVE: "warning", self.DEFAVORABLE: "error"}.get(self, "")

    @classmethod
    def exprimes(cls):
        """Ceux qui disent quelque chose de l'action ; une dispense dit que l'on s'en passe."""
        return [cls.FAVORABLE, cls.RESERVE, cls.DEFAVORABLE]


class VisibiliteAvis(models.TextChoices):
    ETAT = "etat", "Services de l’État"
    PARTENAIRES = "partenaires", "Partenaires aussi"


class NatureComite(models.TextChoices):
    TECHNIQUE = "technique", "Comité technique"
    PILOTAGE = "pilotage", "Comité de pilotage"
    CONSULTATION = "consultation", "Consultation écrite"


class EtatComite(models.TextChoices):
    PREPARATION = "preparation", "En préparation"
    EN_SEANCE = "en_seance", "En séance"
    TERMINE = "termine", "Terminé"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.EN_SEANCE: "info", self.TERMINE: "success"}.get(self, "")


class EtatScenario(models.TextChoices):
    ETUDE = "etude", "À l’étude"
    PROMU = "promu", "Promu en décisions"
    ECARTE = "ecarte", "Écarté"


class NatureActe(models.TextChoices):
    ARRETE = "arrete", "Arrêté attributif"
    CONVENTION = "convention", "Convention"
    CPO = "cpo", "Convention pluriannuelle d’objectifs"
    AVENANT = "avenant", "Avenant"
    RETRAIT = "retrait", "Retrait"


class NaturePaiement(models.TextChoices):
    AVANCE = "avance", "Avance"
    ACOMPTE = "acompte", "Acompte"
    SOLDE = "solde", "Solde"
    REVERSEMENT = "reversement", "Reversement"


class EtatJustification(models.TextChoices):
    ATTENDUE = "attendue", "Attendue"
    RECUE = "recue", "Reçue"
    A_COMPLETER = "a_completer", "À compléter"
    VALIDEE = "validee", "Validée"
    NON_REALISEE = "non_realisee", "Non-réalisation attestée"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.VALIDEE: "success", self.A_COMPLETER: "warning", self.NON_REALISEE: "error"}.get(self, "info")


class SuiteJustification(models.TextChoices):
    """Ce que deviennent les crédits P147 non utilisés."""

    REPORT = "report", "Report"
    DEDUCTION = "deduction", "Déduction"
    REVERSEMENT_DEMANDE = "reversement_demande", "Reversement demandé"
    REVERSEMENT_PERCU = "reversement_percu", "Reversement perçu"


class EtatActe(models.TextChoices):
    """Où en est un acte ; se déduit de ses dates et de celui qui le remplace."""

    A_SIGNER = "a_signer", "À signer"
    A_NOTIFIER = "a_notifier", "À notifier"
    NOTIFIE = "notifie", "Notifié"
    REMPLACE = "remplace", "Remplacé"

    @property
    def couleur(self):
        """La couleur du badge DSFR."""
        return {self.A_SIGNER: "warning", self.A_NOTIFIER: "info", self.NOTIFIE: "success"}.get(self, "")


class VariableDeCourrier(models.TextChoices):
    """Ce qu'un modèle de courrier peut citer entre doubles accolades : son nom, et ce qu'il devient."""

    PORTEUR = "porteur", "le nom de l’organisme"
    SIREN = "siren", "son SIREN"
    ADRESSE = "adresse", "son adresse postale, sur une ligne"
    DEPARTEMENT = "departement", "le département, comme « du Calvados »"
    ANNEE = "annee", "l’année de l’exercice"
    DATE = "date", "la date du courrier ou de l’acte"
    INTITULE = "intitule", "l’intitulé de l’action, ou des actions"
    CONTRAT = "contrat", "le contrat de ville, ou l’échelle du département"
    DOSSIER = "dossier", "le numéro de dossier Dauphin"
    DEBUT = "debut", "le premier jour de l’action"
    FIN = "fin", "son dernier jour"
    DATE_DECISION = "date_decision", "la date de la dernière décision"
    DEMANDE = "demande", "le P147 demandé"
    MOTIF = "motif", "le motif de la décision"
    MONTANT = "montant", "le P147 accordé, en chiffres"
    MONTANT_EN_LETTRES = "montant_en_lettres", "le même montant, en lettres"
    ACTIONS = "actions", "la liste des actions et de leurs montants"
    ACTE_REMPLACE = "acte_remplace", "l’acte que celui-ci remplace"
    ECHEANCIER = "echeancier", "ce que l’acte prévoit de verser, et quand (dans le corps)"


class NatureCourrier(models.TextChoices):
    ACCORD = "accord", "Accord"
    AJOURNEMENT = "ajournement", "Ajournement"
    REFUS = "refus", "Refus"
    CONVENTION = "convention", "Projet de convention"
    ARRETE = "arrete", "Projet d’arrêté"
    AVENANT = "avenant", "Projet d’avenant"
    RETRAIT = "retrait", "Projet de retrait"

    @classmethod
    def lettres(cls):
        """Celles qui annoncent une décision au porteur ; les autres sont des projets d'acte."""
        return [cls.ACCORD, cls.AJOURNEMENT, cls.REFUS]

    @classmethod
    def de_l_acte(cls, nature):
        """Celle dont les modèles servent à rédiger un acte de cette nature."""
        return cls.CONVENTION if nature == NatureActe.CPO else cls(nature)

    @property
    def statuts(self):
        """Ceux des actions à qui cette lettre s'adresse."""
        return {
            self.ACCORD: [StatutAction.PROGRAMMEE],
            self.AJOURNEMENT: [StatutAction.AJOURNEE, StatutAction.LISTE_ATTENTE],
            self.REFUS: [StatutAction.NON_RETENUE, StatutAction.NON_RECEVABLE],
        }.get(self, [])

    @property
    def variables(self):
        """Ce que ses modèles peuvent citer : un refus n'a pas de montant, une lettre ne remplace aucun acte et un
        retrait ne verse rien."""
        exclues = {VariableDeCourrier.ACTE_REMPLACE, VariableDeCourrier.ACTIONS, VariableDeCourrier.ECHEANCIER}
        if self in (self.AJOURNEMENT, self.REFUS):
            exclues |= {VariableDeCourrier.MONTANT, VariableDeCourrier.MONTANT_EN_LETTRES}
        if self not in self.lettres():
            exclues = {VariableDeCourrier.MOTIF, VariableDeCourrier.DEMANDE}
        if self in (self.CONVENTION, self.ARRETE):
            exclues |= {VariableDeCourrier.ACTE_REMPLACE}
        if self == self.RETRAIT:
            exclues |= {VariableDeCourrier.ECHEANCIER}
        return [variable for variable in VariableDeCourrier if variable not in exclues]


class CodeParametre(models.TextChoices):
    """Les règles chiffrées que le droit ou l'usage date ; le libellé dit leur unité."""

    SEUIL_CONVENTION = "seuil_convention", "Convention obligatoire au-dessus de (€ par an, droit privé)"
    DELAI_JUSTIFICATION = "delai_justification", "Justification due après la fin de l’action (mois)"
    DELAI_PAIEMENT = "delai_paiement", "Paiement attendu après l’engagement (mois)"

    @classmethod
    def delais(cls):
        """Celles qui se comptent en mois."""
        return [cls.DELAI_JUSTIFICATION, cls.DELAI_PAIEMENT]
