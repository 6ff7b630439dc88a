"""Les courriers : ce que dit chaque lettre, ce qui empêche d'en écrire une, et le texte de départ d'un acte."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.safestring import SafeString

from politique_ville.outils.departements import du_departement
from politique_ville.outils.en_lettres import montant_en_lettres
from politique_ville.outils.francais import euros
from politique_ville.outils.publipostage import mettre_en_page, remplir, remplir_ce_qui_est_connu, variables
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import NatureActe, NatureCourrier, VariableDeCourrier
from ..models import Acte, Action, Decision, Exercice, Financement, ModeleDeCourrier, Organisme
from .echeanciers import LigneDEcheancier, lignes_de, montant_de

ZERO = Decimal("0.00")
A_COMPLETER = "[à compléter : {}]"
ECHEANCIER = VariableDeCourrier.ECHEANCIER.value


@dataclass(frozen=True)
class Courrier:
    """Une lettre, ou un acte (sans destinataire), prêt à mettre en page. `destinataire`, `signature` : des lignes."""

    emetteur: str
    destinataire: tuple[str, ...]
    le: Date | None
    objet: str
    texte: str
    signature: tuple[str, ...]
    action: Action | None = None
    reference: str = ""

    @property
    def date_en_mots(self) -> str:
        return en_mots(self.le) if self.le else ""

    @property
    def corps(self) -> SafeString:
        return mettre_en_page(self.texte)


@dataclass(frozen=True)
class Empechement:
    """Pourquoi ces actions n'ont pas de lettre ; `organisme` : celui dont il manque l'adresse."""

    phrase: str
    actions: tuple[Action, ...]
    organisme: Organisme | None = None


@dataclass(frozen=True)
class Envoi:
    """Ce qu'un modèle donne sur une sélection d'actions, dans leur ordre."""

    modele: ModeleDeCourrier
    lettres: tuple[Courrier, ...]
    empechements: tuple[Empechement, ...]


# --- Les lettres ---


def preparer_un_envoi(modele: ModeleDeCourrier, actions: Sequence[Action], le: Date) -> Envoi:
    """Une lettre par action que le modèle peut annoncer. Les actions sont lues avec leur exercice, leur contrat et leur
    porteur courant. Deux requêtes."""
    decisions = decisions_par_action(actions)
    demandes = dict(Financement.objects.p147().filter(action__in=actions).values_list("action", "demande"))
    lettres, raisons = [], {}
    for action in actions:
        siennes = decisions.get(action.pk, [])
        valeurs = valeurs_d_une_lettre(action, siennes, demandes.get(action.pk), le)
        phrase, organisme = raison_de_ne_pas_ecrire(modele, action, siennes, valeurs)
        if phrase:
            raisons.setdefault((insecables(phrase), organisme), []).append(action)
        else:
            lettres.append(lettre(modele, action, valeurs, le))
    empechements = [Empechement(phrase, tuple(a), organisme) for (phrase, organisme), a in raisons.items()]
    return Envoi(modele, tuple(lettres), tuple(empechements))


def decisions_par_action(actions: Iterable[Action]) -> dict[int, list[Decision]]:
    """Les décisions de chaque action, la plus ancienne d'abord. Une requête."""
    trouvees: dict[int, list[Decision]] = {}
    for decision in Decision.objects.filter(action__in=actions).order_by("date", "pk"):
        trouvees.setdefault(decision.action_id, []).append(decision)
    return trouvees


def raison_de_ne_pas_ecrire(modele, action, decisions, valeurs) -> tuple[str, Organisme | None]:
    """(la phrase, l'organisme à compléter s'il manque une adresse), ou ("", None)."""
    empechement = regles.empechement_d_ecrire(action, NatureCourrier(modele.nature))
    if empechement or not decisions:
        return empechement or "Elle n’a aucune décision à annoncer.", None
    organisme = action.porteur.courant
    if not organisme.lignes_de_l_adresse:
        return f"« {organisme} » n’a pas d’adresse : saisir sa ville et son code postal.", organisme
    manquants = [nom for nom in noms_cites(modele) if not valeurs[nom]]
    if manquants:
        cites = ", ".join(f"« {nom} » ({VariableDeCourrier(nom).label})" for nom in manquants)
        return f"Le modèle cite {cites}, qui manque ici.", None
    return "", None


def noms_cites(modele: ModeleDeCourrier) -> list[str]:
    return variables(f"{modele.objet}\n{modele.corps}\n{modele.signataire}")


def lettre(modele, action, valeurs, le) -> Courrier:
    organisme = action.porteur.courant
    return Courrier(
        emetteur=emetteur(action.exercice),
        destinataire=(str(organisme), *organisme.lignes_de_l_adresse),
        le=le,
        objet=remplir(modele.objet, valeurs),
        texte=remplir(modele.corps, valeurs),
        signature=lignes(remplir(modele.signataire, valeurs)),
        action=action,
    )


def emetteur(exercice: Exercice) -> str:
    """« Préfet du Calvados »."""
    return f"Préfet {du_departement(exercice.departement.nom)}"


def lignes(texte: str) -> tuple[str, ...]:
    return tuple(ligne.strip() for ligne in texte.splitlines())


# --- Les valeurs ---


def valeurs_d_une_lettre(action, decisions, demande, le) -> dict[str, str]:
    """Ce que chaque variable devient pour cette action (vide : inconnu) ; la dernière décision dit date et motif."""
    derniere = decisions[-1] if decisions else None
    valeurs = valeurs_communes([action], decisions, action.exercice, action.porteur and action.porteur.courant, le)
    valeurs[VariableDeCourrier.DEMANDE] = euros(demande) if demande is not None else ""
    valeurs[VariableDeCourrier.MOTIF] = une_ligne(derniere.motif) if derniere else ""
    return valeurs


def valeurs_communes(
    actions: Sequence[Action], decisions: Sequence[Decision], exercice: Exercice, organisme: Organisme | None, le: Date
) -> dict[str, str]:
    """Les variables que lettres et actes partagent."""
    montant = sum((decision.montant for decision in decisions), ZERO)
    debuts, fins = ([jour for a in actions if (jour := getattr(a, nom))] for nom in ("date_debut", "date_fin"))
    valeurs = {
        "porteur": str(organisme or ""),
        "siren": (organisme and organisme.siren) or "",
        "adresse": ", ".join(organisme.lignes_de_l_adresse) if organisme else "",
        "departement": du_departement(exercice.departement.nom),
        "annee": str(exercice.annee),
        "date": en_mots(le),
        "intitule": reunir(action.intitule for action in actions),
        "contrat": reunir(cadre_de(action) for action in actions),
        "dossier": reunir(action.dossier or "" for action in actions),
        "debut": en_mots(min(debuts)) if debuts else "",
        "fin": en_mots(max(fins)) if fins else "",
        "date_decision": en_mots(max(d.date for d in decisions)) if decisions else "",
        "montant": euros(montant),
        "montant_en_lettres": montant_en_lettres(montant) if montant >= 0 else "",
    }
    return {str(VariableDeCourrier(nom).value): une_ligne(valeur) for nom, valeur in valeurs.items()}


def cadre_de(action: Action) -> str:
    if action.contrat:
        return action.contrat.intitule
    return f"à l’échelle du département {du_departement(action.exercice.departement.nom)}"


def reunir(textes: Iterable[str]) -> str:
    """« A », « A et B », « A, B et C », sans répétition."""
    distincts = list(dict.fromkeys(filter(None, textes)))
    return " et ".join(filter(None, [", ".join(distincts[:-1]), *distincts[-1:]]))


def une_ligne(texte: str) -> str:
    return " ".join(ligne.strip() for ligne in texte.splitlines())


def en_mots(jour: Date) -> str:
    """« 1er avril 2026 »."""
    return f"{'1er' if jour.day == 1 else jour.day} {date_format(jour, 'F Y')}"


# --- Les actes ---


@dataclass(frozen=True)
class Depart:
    """L'objet et le texte dont part un acte, à relire avant sa signature."""

    objet: str
    texte: str


def texte_de_depart(
    modele: ModeleDeCourrier,
    nature: NatureActe,
    decisions: Sequence[Decision],
    le: Date,
    remplace: Acte | None = None,
) -> Depart:
    """Ce que le modèle donne pour ces décisions d'un organisme, signature comprise ; l'inconnu y est à compléter.

    Les décisions sont lues avec leur action, son exercice, son contrat et son porteur.
    """
    actions = list({decision.action_id: decision.action for decision in decisions}.values())
    exercice, organisme = actions[0].exercice, actions[0].porteur.courant
    valeurs = valeurs_communes(actions, decisions, exercice, organisme, le)
    valeurs["actions"] = liste_des_actions(actions, decisions, nature)
    valeurs["acte_remplace"] = acte_en_mots(remplace) if remplace else ""
    valeurs[ECHEANCIER] = f"{{{{ {ECHEANCIER} }}}}"  # il se fixe ensuite : l'acte le lit à chaque impression
    valeurs = {nom: valeur or a_completer(nom) for nom, valeur in valeurs.items()}
    corps = "\n\n".join(filter(None, [modele.corps, modele.signataire]))
    return Depart(remplir(modele.objet, valeurs), remplir(corps, valeurs))


def a_completer(nom):
    return A_COMPLETER.format(VariableDeCourrier(nom).label)


def liste_des_actions(actions, decisions, nature) -> str:
    """Une puce par action, avec ce que l'acte lui attribue en tout ; un retrait les nomme seulement."""
    sommes = dict.fromkeys((action.pk for action in actions), ZERO)
    for decision in decisions:
        sommes[decision.action_id] += decision.montant
    if nature == NatureActe.RETRAIT:
        return "\n".join(f"- « {action.intitule} »" for action in actions)
    return "\n".join(f"- « {action.intitule} » : {euros(sommes[action.pk])}" for action in actions)


def acte_a_imprimer(acte: Acte) -> Courrier:
    """L'acte, son échéancier à sa place, daté de sa signature s'il est signé. Il est lu avec son exercice et son
    département."""
    return Courrier(
        emetteur=emetteur(acte.exercice),
        destinataire=(),
        le=acte.signe_le,
        objet=acte.objet,
        texte=avec_l_echeancier(acte),
        signature=(),
        reference=f"{acte.get_nature_display()} n° {acte.numero}" if acte.numero else acte.get_nature_display(),
    )


def cite_l_echeancier(acte: Acte) -> bool:
    return avec_la_valeur(acte.texte, "") != acte.texte


def avec_l_echeancier(acte: Acte) -> str:
    """Le texte de l'acte, où `{{ echeancier }}` est ce qu'il prévoit aujourd'hui de verser."""
    if not cite_l_echeancier(acte):
        return acte.texte
    return avec_la_valeur(acte.texte, echeancier_en_mots(lignes_de(acte.versements.all(), montant_de(acte))))


def avec_la_valeur(texte, valeur):
    return remplir_ce_qui_est_connu(texte, {ECHEANCIER: valeur})


def echeancier_en_mots(lignes: Sequence[LigneDEcheancier]) -> str:
    """Une puce par versement, en chiffres et en lettres, sa date et sa condition."""
    return "\n".join(f"- {ligne.libelle} : {versement_en_mots(ligne)}" for ligne in lignes)


def versement_en_mots(ligne):
    """« 4 800,40 € (quatre mille…), à verser le 1er juin 2026 ; condition : remise du bilan »."""
    quand = f", à verser le {en_mots(ligne.prevu_le)}" if ligne.prevu_le else ""
    condition = f" ; condition : {ligne.condition}" if ligne.condition else ""
    return f"{euros(ligne.montant)} ({montant_en_lettres(ligne.montant)}){quand}{condition}"


def acte_en_mots(acte: Acte) -> str:
    """« Convention n° 2026-12, signée le 3 mai 2026 » : l'acte que l'on remplace est toujours signé."""
    numero = f" n° {acte.numero}" if acte.numero else ""
    masculin = acte.nature in (NatureActe.ARRETE, NatureActe.AVENANT, NatureActe.RETRAIT)
    return f"{acte.get_nature_display()}{numero}, {'signé' if masculin else 'signée'} le {en_mots(acte.signe_le)}"


# --- L'aperçu d'un modèle ---

EXEMPLES = {
    "porteur": "Association d’exemple",
    "siren": "000 000 000",
    "adresse": "3, rue de l’Exemple, 14000 Caen",
    "departement": "du Calvados",
    "annee": "2026",
    "date": "20 avril 2026",
    "intitule": "Ateliers de lecture",
    "contrat": "Contrat de ville d’exemple",
    "dossier": "00000000",
    "debut": "1er janvier 2026",
    "fin": "31 décembre 2026",
    "date_decision": "15 avril 2026",
    "demande": euros(Decimal("8000.00")),
    "motif": "crédits insuffisants.",
    "montant": euros(Decimal("6000.50")),
    "montant_en_lettres": montant_en_lettres(Decimal("6000.50")),
    "actions": "- « Ateliers de lecture » : 6 000,50 €",
    "acte_remplace": "Convention n° 2026-1, signée le 20 avril 2026",
    "echeancier": "- Avance : 4 800,40 € (quatre mille huit cents euros et quarante centimes), à verser le 15 mai "
    "2026\n- Solde : 1 200,10 € (mille deux cents euros et dix centimes), à verser le 1er décembre 2026 ; condition : "
    "remise du bilan de l’action",
}


def apercu_du_modele(modele: ModeleDeCourrier, valeurs: Mapping[str, str] = EXEMPLES) -> Courrier:
    """Ce modèle, rempli d'un exemple inventé."""
    return Courrier(
        emetteur="Préfet du Calvados",
        destinataire=("Association d’exemple", "3, rue de l’Exemple", "14000 Caen"),
        le=Date(2026, 4, 20),
        objet=remplir(modele.objet, valeurs),
        texte=remplir(modele.corps, valeurs),
        signature=lignes(remplir(modele.signataire, valeurs)),
    )
