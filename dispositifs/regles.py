"""Qui tient les dispositifs, et ce que des périodes doivent respecter ensemble, que la base seule ne peut garantir.

Une fonction `erreurs_…` rend des couples (champ, phrase) : les opérations les refusent, `manage.py verifier` les nomme.
"""

from itertools import pairwise

from comptes.enums import Role

from .enums import AxeEffectif, CategorieEmployeur, NatureContrat
from .models import SOUS_ENSEMBLES, SuiviPre

MOIS_DU_RAPPEL = 9  # septembre : il reste le temps de signer ; ce qui ne l'est pas au 31 décembre est perdu


def peut_gerer(utilisateur, poste):
    """Saisit les postes de ce territoire : l'agent et le responsable, sur le contrat ou le département."""
    return utilisateur.a_le_role(Role.qui_ecrivent(), poste.departement_id, poste.contrat_id)


def etait_ouvert(programme, annee):
    """Un PRE a une feuille pour chaque année où il est ouvert, fût-ce en partie."""
    ouvert = programme.ouvert_le is None or programme.ouvert_le.year <= annee
    return ouvert and (programme.ferme_le is None or programme.ferme_le.year >= annee)


def peut_gerer_quelque_part(utilisateur):
    return not utilisateur.roles.isdisjoint(Role.qui_ecrivent())


def peut_renouveler(utilisateur, convention):
    """`convention` : annotée de `a_une_suite`."""
    return peut_gerer(utilisateur, convention.poste) and not convention.a_une_suite


def voit_le_quota(utilisateur, departement_id):
    """Le quota est celui de tout le département : qui ne lit qu'un contrat, sans y être délégué, ne le voit pas.

    Un agent d'ailleurs, partenaire dans ce département, n'y est que partenaire.
    """
    perimetre = utilisateur.perimetre_de_l_etat
    return perimetre.national or departement_id in perimetre.departements | perimetre.departements_de_delegue


def peut_tenir_le_quota(utilisateur, exercice):
    return utilisateur.a_le_role([Role.RESPONSABLE], exercice.departement_id)


def empechement_de_supprimer_la_convention(convention):
    """Pourquoi une convention ne se supprime pas, ou "". Signée, elle engage ; ce qu'elle porte se retire d'abord."""
    if convention.signee_le:
        return "Une convention signée ne se supprime pas : corriger ses dates, ou effacer d’abord la date de signature."
    if convention.avenants.exists():
        return "Cette convention a un avenant : le supprimer d’abord, s’il était une erreur."
    if convention.occupations.exists():
        return "Cette convention a des occupations : les supprimer d’abord."
    return ""


def peut_importer_une_liste(utilisateur, departement):
    """Une liste publiée touche tous les postes d'un département : il faut y écrire partout."""
    return utilisateur.a_le_role(Role.qui_ecrivent(), departement.pk)


def motif_exige_pour_changer(convention_signee, champs_changes):
    """Les dates et la quotité d'une convention signée engagent de l'argent."""
    return convention_signee and not champs_changes.isdisjoint({"debut", "fin", "quotite"})


def periodes_qui_se_chevauchent(periodes):
    """Les couples de périodes voisines (précédente, suivante) qui ont au moins un jour commun ; bornes comprises."""
    ordonnees = sorted(periodes, key=lambda periode: periode.debut)
    return [(a, b) for a, b in pairwise(ordonnees) if b.debut <= getattr(a, "fin_effective", a.fin)]


def erreurs_de_chevauchement(periodes):
    """Vaut pour des conventions, des triennalités, ou les occupations d'une convention."""
    return [
        ("debut", f"Deux périodes se chevauchent : {a}, puis {b}.") for a, b in periodes_qui_se_chevauchent(periodes)
    ]


def erreurs_de_l_occupation(occupation, convention, categorie):
    """Une occupation tient dans sa convention, et une personne publique n'emploie qu'en CDD (L5134-103)."""
    erreurs = []
    if occupation.debut < convention.debut or occupation.debut > convention.fin:
        erreurs.append(("debut", f"L’occupation commence hors de la {convention}."))
    if occupation.fin and occupation.fin > convention.fin:
        erreurs.append(("fin", f"L’occupation finit hors de la {convention}."))
    if occupation.nature_contrat == NatureContrat.CDI and categorie and not CategorieEmployeur(categorie).admet_le_cdi:
        nom = CategorieEmployeur(categorie).label
        erreurs.append(("nature_contrat", f"Pas de CDI pour cet employeur ({nom}) : un CDD seulement."))
    return erreurs


def erreurs_des_avenants(convention, avenants):
    """Un avenant ne prend pas effet avant sa convention, ni après elle s'il change la quotité ; la fin de la convention
    est celle du dernier qui la change.

    Celui qui l'écourte peut dater du lendemain de la fin qu'il donne : la convention a cessé quand il prend effet.
    """
    erreurs = [
        ("date_effet", f"L’{avenant} prend effet hors de la {convention}.")
        for avenant in avenants
        if avenant.date_effet < convention.debut or (avenant.quotite and avenant.date_effet > convention.fin)
    ]
    fins = [a.nouvelle_fin for a in sorted(avenants, key=lambda a: a.date_effet) if a.nouvelle_fin]
    if fins and fins[-1] != convention.fin:
        erreurs.append(("fin", f"La {convention} ne finit pas au jour que dit son dernier avenant."))
    return erreurs


def erreurs_des_triennalites(triennalites):
    """Les rangs se suivent dans l'ordre des dates, et les périodes ne se chevauchent pas."""
    erreurs = erreurs_de_chevauchement(triennalites)
    rangs = [t.rang for t in sorted(triennalites, key=lambda t: t.debut)]
    if rangs != sorted(rangs):
        erreurs.append(("rang", "Les rangs de reconduction ne suivent pas l’ordre des dates."))
    return erreurs


def total_des_enfants(enfants_suivis, effectifs):
    """Les enfants suivis : le nombre saisi, sinon la somme du premier axe complet qui les partage, sinon None.

    `effectifs` : (axe, modalité) → nombre. C'est ce qu'un lecteur peut retrouver, donc ce d'après quoi on masque.
    """
    if enfants_suivis is not None:
        return enfants_suivis
    axe = axe_qui_fait_le_total(effectifs)
    return sum(nombres_de(axe, effectifs)) if axe else None


def axe_qui_fait_le_total(effectifs):
    partitions = [axe for axe in AxeEffectif if axe.est_une_partition]
    return next((axe for axe in partitions if est_complet(axe, effectifs)), None)


def nombres_de(axe, effectifs):
    return [effectifs[axe, modalite] for modalite in axe.modalites if effectifs.get((axe, modalite)) is not None]


def est_complet(axe, effectifs):
    return len(nombres_de(axe, effectifs)) == len(axe.modalites)


def erreurs_des_effectifs(champs, effectifs):
    """Un axe complet qui partage les enfants en fait le total ; incomplet, d'un domaine ou « dont », il ne le dépasse
    pas. Sans enfants suivis, le total est celui d'un axe complet : rien d'impossible ne s'enregistre.

    `champs` : les enfants suivis et leurs sous-ensembles, par nom ; `effectifs` : (axe, modalité) → nombre. Les vrais
    nombres, jamais ce qui est masqué. Rend (nom du champ, ou axe ; phrase).
    """
    suivis = champs.get("enfants_suivis")
    total = total_des_enfants(suivis, effectifs)
    if total is None:
        return []
    attendu = f"pour {total} suivis."
    if suivis is None:
        axe = axe_qui_fait_le_total(effectifs)
        attendu = f"mais {total} selon « {axe.label} » : indiquer les enfants suivis, ou corriger."
    trop = [*parts_impossibles(champs, total), *axes_impossibles(effectifs, total)]
    return [(champ, f"« {libelle} » : {nombre} enfants, {attendu}") for champ, libelle, nombre in trop]


def parts_impossibles(champs, total):
    for nom in SOUS_ENSEMBLES:
        if (champs.get(nom) or 0) > total:
            libelle = SuiviPre._meta.get_field(nom).verbose_name
            yield nom, libelle[0].upper() + libelle[1:], champs[nom]


def axes_impossibles(effectifs, total):
    for axe in AxeEffectif:
        nombres = nombres_de(axe, effectifs)
        trouve = sum(nombres) if axe.est_une_partition else max(nombres, default=0)
        doit_faire_le_total = axe.est_une_partition and est_complet(axe, effectifs)
        if trouve > total or (doit_faire_le_total and trouve != total):
            yield axe, axe.label, trouve


def erreurs_du_programme(programme, suivis, actions):
    """Ce que le contrat et les dates d'un PRE doivent à ses feuilles annuelles et aux actions qu'elles portent."""
    erreurs = []
    for suivi in suivis:
        annee = suivi.exercice.annee
        if suivi.exercice.departement_id != programme.departement_id:
            erreurs.append(("contrat", f"La feuille {annee} est d’un autre département que ce contrat."))
        if not etait_ouvert(programme, annee):
            champ = "ferme_le" if programme.ferme_le and programme.ferme_le.year < annee else "ouvert_le"
            erreurs.append((champ, f"Le PRE a une feuille {annee} : il est ouvert cette année-là."))
    for action in actions:
        if action.contrat_id not in (None, programme.contrat_id):
            erreurs.append(
                ("contrat", f"« {action} », liée à une feuille, est d’un autre contrat : la délier d’abord.")
            )
    return erreurs


def erreurs_de_l_action(action, suivi):
    """Une action d'un suivi est une action de PRE de cet exercice, dans le contrat du programme ou du département."""
    if action.exercice_id != suivi.exercice_id:
        return [("actions", f"« {action} » n’est pas de l’exercice {suivi.exercice.annee}.")]
    if action.dispositif is None or not action.dispositif.est_pre:
        return [("actions", f"« {action} » n’est pas une action de réussite éducative.")]
    if action.contrat_id not in (None, suivi.programme.contrat_id):
        return [("actions", f"« {action} » est d’un autre contrat que le PRE.")]
    return []
