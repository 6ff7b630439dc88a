"""Qui peut faire quoi, et quand : des prédicats que lisent les vues, les gabarits et les opérations.

Une fonction `peut_…` répond oui ou non ; une fonction `empechement_…` rend la phrase qui dit pourquoi non, ou "".
"""

from datetime import date

from django.utils import timezone

from comptes.enums import Role
from politique_ville.outils.publipostage import VariableMalEcrite, variables

from .enums import (
    Droit,
    Echelle,
    EtatFinancement,
    EtatScenario,
    FamilleFinanceur,
    NatureActe,
    NatureDecision,
    QualiteAvis,
    StatutAction,
    StatutExercice,
    VariableDeCourrier,
)
from .models.avis import actions_du_delegue

# Les retours permis, toujours avec un motif. Personne ne revient en brouillon : un brouillon peut être supprimé.
RETOURS = {
    StatutAction.INSTRUITE: [StatutAction.DEPOSEE],
    StatutAction.LISTE_ATTENTE: [StatutAction.INSTRUITE],
    StatutAction.AJOURNEE: [StatutAction.INSTRUITE],
    StatutAction.NON_RETENUE: [StatutAction.INSTRUITE],
    StatutAction.NON_RECEVABLE: [StatutAction.INSTRUITE, StatutAction.DEPOSEE],
    StatutAction.RETIREE: [StatutAction.DEPOSEE],
    StatutAction.DEPROGRAMMEE: [StatutAction.INSTRUITE],
}

STATUTS_DE_DEPART = {
    NatureDecision.COMPLEMENT: [StatutAction.PROGRAMMEE],
    NatureDecision.DIMINUTION: [StatutAction.PROGRAMMEE],
    NatureDecision.DEPROGRAMMATION: [StatutAction.PROGRAMMEE],
}


# --- Droits ---


def peut_saisir(utilisateur, exercice, contrat=None):
    """Un agent ou un responsable du département, ou du seul contrat s'il n'est habilité que là."""
    return utilisateur.a_le_role(Role.qui_ecrivent(), exercice.departement_id, contrat.pk if contrat else None)


def peut_saisir_quelque_part(utilisateur):
    """Pour ouvrir la page de saisie : les choix du formulaire font le reste."""
    return bool(utilisateur.roles & set(Role.qui_ecrivent()))


def peut_importer(utilisateur, exercice):
    """Un import touche tous les contrats d'un exercice : il faut écrire dans tout le département."""
    return peut_saisir(utilisateur, exercice)


def peut_gerer(utilisateur, action):
    """Saisir, instruire, décider cette action : le même rôle, là où elle est."""
    return utilisateur.a_le_role(Role.qui_ecrivent(), action.exercice.departement_id, action.contrat_id)


def peut_modifier(utilisateur, action):
    return peut_gerer(utilisateur, action) and not action.exercice.est_clos


def peut_supprimer(utilisateur, action):
    """Seul un brouillon se supprime."""
    return peut_modifier(utilisateur, action) and action.est_brouillon


def peut_figer(utilisateur, exercice):
    """Figer, clore, rouvrir, tenir les enveloppes : le responsable du département."""
    return utilisateur.a_le_role([Role.RESPONSABLE], exercice.departement_id)


def peut_depasser(utilisateur, exercice):
    """Accorder au-delà du disponible, avec un motif écrit."""
    return peut_figer(utilisateur, exercice)


def peut_tenir_les_organismes(utilisateur):
    return peut_saisir_quelque_part(utilisateur)


def est_de_l_etat(utilisateur, departements):
    """Lit ce que l'État ne partage pas (propositions, motifs, anomalies, historique) dans chacun de ces départements.

    `departements` : leurs identifiants. Un agent du Gard, partenaire dans le Calvados, n'y est que partenaire.
    """
    habilitations = [h for h in utilisateur.habilitations_actives if h.role in Role.de_l_etat()]
    if any(h.france_entiere for h in habilitations):
        return True
    return set(departements) <= {h.departement_concerne_id for h in habilitations}


def voit_les_propositions(utilisateur, action):
    """Un partenaire ne lit « proposé » qu'une fois les propositions partagées."""
    departement = action.exercice.departement_id
    return est_de_l_etat(utilisateur, [departement]) or action.campagne.propositions_partagees_le is not None


# --- Empêchements ---


def empechement_de_modifier(action):
    if action.exercice.est_clos:
        return f"L’exercice {action.exercice.annee} est clos : ses chiffres ne changent plus."
    return ""


def empechement_d_importer(exercice):
    if exercice.est_clos:
        return f"L’exercice {exercice.annee} est clos : aucun fichier ne s’y importe."
    return ""


def empechement_de_creer(campagne):
    if campagne.exercice.est_clos:
        return f"L’exercice {campagne.exercice.annee} est clos : aucune action ne s’y ajoute."
    if campagne.est_figee:
        return f"La campagne « {campagne} » est figée : aucune action ne s’y ajoute."
    return ""


def empechement_de_changer_de_campagne(action, nouvelle):
    """Aucun motif n'y peut rien : ce qui entrerait dans une campagne figée, ou en sortirait, ferait mentir son gel."""
    for campagne, geste in ((action.campagne, "n’en sort"), (nouvelle, "n’y entre")):
        if campagne.est_figee:
            return f"La campagne « {campagne} » est figée : aucune action {geste}."
    return ""


def empechement_de_deposer(action):
    if action.campagne.est_figee:
        return f"La campagne « {action.campagne} » est figée : plus de dépôt."
    if action.statut != StatutAction.BROUILLON:
        return f"L’action est déjà « {action.get_statut_display()} »."
    if action.champs_manquants:
        return f"Il manque : {', '.join(action.champs_manquants)}."
    return empechement_de_modifier(action)


def empechement_d_instruire(action):
    if action.statut != StatutAction.DEPOSEE:
        return f"Seule une action déposée s’instruit ; celle-ci est « {action.get_statut_display()} »."
    return empechement_de_modifier(action)


def empechement_de_retirer(action):
    if action.statut not in StatutAction.a_decider():
        return f"Une action « {action.get_statut_display()} » ne se retire pas."
    return empechement_de_modifier(action)


def empechement_de_revenir(action, vers):
    if vers not in RETOURS.get(action.statut, []):
        return f"Une action « {action.get_statut_display()} » ne revient pas à « {StatutAction(vers).label} »."
    if action.campagne.est_figee:
        return f"La campagne « {action.campagne} » est figée : aucun retour."
    return empechement_de_modifier(action)


def empechement_de_scinder(action):
    if action.statut not in StatutAction.a_decider() and not action.est_brouillon:
        return f"Une action « {action.get_statut_display()} » ne se scinde pas."
    if action.echelle != Echelle.CONTRAT:
        return "Une action à l’échelle du département ne se scinde pas entre des contrats."
    if not action.dossier:
        return "Une action se scinde par son dossier Dauphin : renseigner d’abord son numéro."
    if action.campagne.est_figee:
        return f"La campagne « {action.campagne} » est figée : aucune part n’en sort."
    return empechement_de_modifier(action)


def empechement_de_decider(action, nature):
    """Pourquoi cette décision ne peut pas être prise sur cette action, quel que soit son montant."""
    nature = NatureDecision(nature)
    exercice = action.exercice
    if exercice.statut != StatutExercice.OUVERT:
        return f"L’exercice {exercice.annee} est {exercice.get_statut_display().lower()} : aucune décision."
    if action.campagne.est_figee and nature in NatureDecision.premieres():
        return f"La campagne « {action.campagne} » est figée : plus de première décision."
    if action.statut not in STATUTS_DE_DEPART.get(nature, StatutAction.a_decider()):
        return f"Pas de décision « {nature.label} » sur une action « {action.get_statut_display()} »."
    return ""


def natures_de_decision_possibles(action):
    return [nature for nature in NatureDecision if not empechement_de_decider(action, nature)]


def empechement_de_dater(exercice, jour):
    """Une décision se prend au plus tôt l'année qui précède l'exercice ; plus tôt, l'année est mal tapée."""
    premier = date(exercice.annee - 1, 1, 1)
    if jour < premier:
        return f"La date de la décision, {jour:%d/%m/%Y}, est avant le {premier:%d/%m/%Y} : vérifier l’année."
    if jour > timezone.localdate():
        return "La date de la décision est dans le futur."
    return ""


def enveloppe_d_office(action, feuilles, porteuse=None):
    """Celle qui porte déjà ses décisions (`porteuse`), sinon la sienne, sinon la seule au plus près de son contrat et
    de son dispositif ; None s'il faut choisir."""
    if porteuse:
        return porteuse
    possibles = [feuille for feuille in feuilles if not feuille.pourquoi_pas(action)]
    if action.enveloppe in possibles:
        return action.enveloppe
    propres = [bool(e.contrat_id) + bool(e.dispositif_id) for e in possibles]
    au_plus_pres = [e for e, precision in zip(possibles, propres, strict=True) if precision == max(propres)]
    return au_plus_pres[0] if len(au_plus_pres) == 1 else None


def motif_exige_pour_deplacer_un_total(action, a_une_decision):
    """Dès qu'une décision existe ou que la campagne est figée : ce qui change un total déjà lu se justifie."""
    return a_une_decision or action.campagne.est_figee


def motif_exige_pour_decider(nature, montant, demande):
    """Tout sauf une attribution dans la limite de la demande."""
    if nature != NatureDecision.ATTRIBUTION:
        return True
    return demande is None or montant > demande


def etat_p147(statut, somme_des_decisions):
    """L'état et l'accordé de la ligne P147 : ce que disent le statut et la somme (euros) des décisions."""
    if statut == StatutAction.PROGRAMMEE:
        return EtatFinancement.ACQUIS, somme_des_decisions
    if statut in (StatutAction.NON_RETENUE, StatutAction.NON_RECEVABLE, StatutAction.DEPROGRAMMEE):
        return EtatFinancement.REFUSE, somme_des_decisions
    return EtatFinancement.SOLLICITE, None


# --- Avis ---


def qualites_de_l_avis(utilisateur, action):
    """Au nom de qui cette personne avise cette action : le délégué pour ses quartiers, l'agent pour les avis qu'il
    reçoit (service, chef de projet). Vide : elle n'avise pas."""
    qualites = []
    if Role.DELEGUE in utilisateur.roles and actions_du_delegue(utilisateur).filter(pk=action.pk).exists():
        qualites.append(QualiteAvis.DELEGUE)
    if peut_gerer(utilisateur, action):
        qualites += [QualiteAvis.SERVICE, QualiteAvis.CHEF_DE_PROJET]
    return qualites


def empechement_d_aviser(action):
    """Un avis éclaire une décision à prendre : il ne se donne ni avant le dépôt, ni après la décision."""
    if action.exercice.est_clos:
        return f"L’exercice {action.exercice.annee} est clos : aucun avis ne s’y ajoute."
    if action.statut not in StatutAction.a_decider():
        return f"Une action « {action.get_statut_display()} » n’attend pas d’avis."
    return ""


# --- Exercices et campagnes ---


def sert_l_etat(utilisateur):
    """Pour ouvrir une page du cadre de l'année : le périmètre fait le reste."""
    return not utilisateur.roles.isdisjoint(Role.de_l_etat())


def voit_l_exercice(utilisateur, exercice):
    """Le cadre de l'année est à l'État : un partenaire n'y lit ni ce qui attend, ni ce qui reste à attribuer."""
    return est_de_l_etat(utilisateur, [exercice.departement_id])


def empechement_d_ouvrir(exercice):
    if exercice.statut != StatutExercice.PREPARATION:
        return f"L’exercice {exercice.annee} est {exercice.get_statut_display().lower()} : il n’est plus à ouvrir."
    return ""


def empechement_de_partager(campagne):
    if campagne.exercice.est_clos:
        return f"L’exercice {campagne.exercice.annee} est clos : rien ne s’y partage plus."
    if campagne.propositions_partagees_le:
        return f"Les propositions de « {campagne} » sont déjà partagées."
    return ""


def empechement_de_regler(campagne):
    if campagne.exercice.est_clos:
        return f"L’exercice {campagne.exercice.annee} est clos : ses campagnes ne changent plus."
    if campagne.est_figee:
        return f"La campagne « {campagne} » est figée : ses règles ne changent plus."
    return ""


def empechement_de_figer(campagne):
    """Une campagne déjà figée se dit à part : l'opération nomme alors qui l'a fait."""
    exercice = campagne.exercice
    if exercice.statut == StatutExercice.PREPARATION:
        return f"L’exercice {exercice.annee} est en préparation : l’ouvrir avant de figer une campagne."
    if exercice.est_clos:
        return f"L’exercice {exercice.annee} est clos : ses campagnes ne changent plus."
    return ""


def empechement_de_clore(exercice):
    """Toutes les campagnes sont figées, et il y en a au moins une."""
    if exercice.statut != StatutExercice.OUVERT:
        return f"L’exercice {exercice.annee} est {exercice.get_statut_display().lower()} : il ne se clôt pas."
    ouvertes = [f"« {campagne} »" for campagne in exercice.campagnes.filter(figee_le=None)]
    return f"Figer d’abord : {', '.join(ouvertes)}." if ouvertes else ""


# --- Exécution ---


def peut_executer(utilisateur, action):
    """Engager, payer, justifier : le même rôle que pour instruire, exercice clos ou non."""
    return peut_gerer(utilisateur, action)


def lit_l_execution(utilisateur, action):
    """L'exécution est celle de l'État : un partenaire n'en lit rien."""
    return est_de_l_etat(utilisateur, [action.exercice.departement_id])


def peut_depasser_l_engagement(utilisateur, exercice):
    """Engager au-delà de l'accordé ou du notifié, avec un motif écrit."""
    return peut_figer(utilisateur, exercice)


def empechement_d_engager(action):
    if action.statut != StatutAction.PROGRAMMEE:
        return f"Seule une action programmée s’engage ; celle-ci est « {action.get_statut_display()} »."
    return ""


def empechement_de_justifier(action):
    """Une action déprogrammée après un paiement se justifie aussi : le porteur rend ce qu'il a reçu."""
    if action.statut not in (StatutAction.PROGRAMMEE, StatutAction.DEPROGRAMMEE):
        return f"Une action « {action.get_statut_display()} » n’a rien à justifier."
    return ""


def empechement_de_suivre(financement):
    """Le P147 se suit par ses décisions et ses paiements, jamais par la ligne du plan."""
    if financement.famille == FamilleFinanceur.ANCT_P147:
        return "Le P147 se suit par ses engagements et ses paiements."
    return ""


def empechement_de_dater_l_execution(exercice, jour):
    """Un fait d'exécution date au plus tôt de l'année qui précède l'exercice, et au plus tard d'aujourd'hui."""
    premier = date(exercice.annee - 1, 1, 1)
    if jour < premier:
        return f"La date, {jour:%d/%m/%Y}, est avant le {premier:%d/%m/%Y} : vérifier l’année."
    return empechement_du_futur(jour)


def empechement_du_futur(jour):
    return "La date est dans le futur." if jour > timezone.localdate() else ""


def convention_obligatoire(organisme, montant, seuil):
    """Au-dessus du seuil (euros par an), un organisme de droit privé signe une convention (loi 2000-321, art. 10).

    `montant` : l'accordé de l'action ou de l'année. Faux si l'un des deux est inconnu.
    """
    if organisme is None or montant is None or seuil is None:
        return False
    return organisme.courant.droit == Droit.PRIVE and montant > seuil


# --- Scénarios ---


def lit_les_scenarios(utilisateur):
    """Un essai n'est qu'à l'État : ni partenaire, ni personne sans habilitation."""
    return not utilisateur.roles.isdisjoint(Role.de_l_etat())


def peut_tenir_un_scenario(utilisateur, exercice, enveloppe=None):
    """Qui écrit là où vont les crédits du scénario : dans tout le département, ou dans le contrat de l'enveloppe."""
    return peut_saisir(utilisateur, exercice, enveloppe.contrat if enveloppe else None)


def empechement_de_batir(exercice):
    """Pourquoi aucun scénario de cet exercice ne se crée ni ne change, ou ""."""
    if exercice.est_clos:
        return f"L’exercice {exercice.annee} est clos : aucun scénario ne s’y prépare."
    return ""


def empechement_de_changer_le_scenario(scenario):
    """Pourquoi ses montants, son nom et sa règle ne changent plus, ou ""."""
    if scenario.etat != EtatScenario.ETUDE:
        return f"Le scénario « {scenario} » est « {scenario.get_etat_display().lower()} » : il ne change plus."
    return empechement_de_batir(scenario.exercice)


def empechement_de_promouvoir(scenario, figees=None):
    """Pourquoi ses montants ne s'ajustent ni ne se promeuvent plus, ou "" : toutes ses actions peuvent être figées.

    `figees` : ce que `campagnes_figees` a dit, si la page l'a déjà lu.
    """
    empechement = empechement_de_changer_le_scenario(scenario)
    if not empechement and (campagnes_figees(scenario) if figees is None else figees):
        return "Campagne figée : ce scénario ne se promeut plus."
    return empechement


def campagnes_figees(scenario):
    """Aucune de ses actions n'est d'une campagne encore ouverte."""
    siennes = scenario.propositions.all()
    return siennes.exists() and not siennes.filter(action__campagne__figee_le=None).exists()


def empechement_de_proposer(action):
    """Pourquoi un scénario ne peut plus rien donner à cette action, ou ""."""
    if action.statut not in StatutAction.a_decider():
        return f"elle est « {action.get_statut_display()} »"
    return f"la campagne « {action.campagne} » est figée" if action.campagne.est_figee else ""


# --- Comités ---


def lit_les_comites(utilisateur):
    """L'instruction est à l'État : un partenaire n'en lit ni l'ordre du jour, ni les propositions."""
    return not utilisateur.roles.isdisjoint(Role.de_l_etat())


def peut_tenir_un_comite(utilisateur, comite):
    """Composer l'ordre du jour, enregistrer ce qui s'y dit : qui écrit dans tout ce que couvre sa campagne."""
    return peut_saisir(utilisateur, comite.campagne.exercice, comite.campagne.contrat)


def empechement_du_comite(campagne):
    if campagne.exercice.est_clos:
        return f"L’exercice {campagne.exercice.annee} est clos : ses comités ne changent plus."
    return ""


def empechement_de_reunir(campagne):
    """Prévoir un comité, ou y inscrire une action : tant que la campagne se décide."""
    if campagne.est_figee:
        return f"La campagne « {campagne} » est figée : aucun comité ne s’y réunit plus."
    return empechement_du_comite(campagne)


def empechement_de_dater_le_comite(campagne, jour):
    """Un comité décide d'un exercice l'année d'avant, la sienne ou, pour un solde, celle d'après."""
    annee = campagne.exercice.annee
    if abs(jour.year - annee) > 1:
        return f"La date du comité, {jour:%d/%m/%Y}, est trop loin de l’exercice {annee} : vérifier l’année."
    return ""


def gel_en_seance(campagne):
    """Ce qu'une séance n'enregistre plus quand la campagne est figée, ou ""."""
    if not campagne.est_figee:
        return ""
    return (
        f"La campagne « {campagne} » est figée : plus aucune première décision ne s’y enregistre. Une action "
        "programmée y reçoit encore un complément, une diminution ou une déprogrammation."
    )


def empechement_d_inscrire(action, comite):
    """Un comité examine ce qui est à décider et, pour un complément, ce qui est programmé."""
    if action.campagne_id != comite.campagne_id:
        return f"elle est de la campagne « {action.campagne} »."
    if action.statut not in [*StatutAction.a_decider(), StatutAction.PROGRAMMEE]:
        return f"une action « {action.get_statut_display()} » ne s’inscrit pas à l’ordre du jour."
    return ""


def empechement_de_sieger(comite):
    if comite.est_termine:
        return "Le comité est terminé : plus rien n’y change."
    if not comite.est_en_seance:
        return "La séance n’est pas ouverte : l’ouvrir pour y enregistrer les issues."
    return ""


# --- Enveloppes ---


def lit_les_enveloppes(utilisateur):
    """L'État quelque part : ce que chacune dit est borné par `Enveloppe.objects.visibles_par`."""
    return bool(utilisateur.roles & set(Role.de_l_etat()))


def peut_tenir_les_enveloppes(utilisateur, exercice):
    """Le responsable du département, et lui seul."""
    return peut_figer(utilisateur, exercice)


def empechement_de_tenir_les_enveloppes(exercice):
    if exercice.est_clos:
        return f"L’exercice {exercice.annee} est clos : ses enveloppes ne changent plus."
    return ""


def empechement_de_dater_un_mouvement(exercice, jour):
    """Comme un fait d'exécution : au plus tôt l'année qui précède l'exercice, au plus tard aujourd'hui."""
    return empechement_de_dater_l_execution(exercice, jour)


def empechement_d_annuler(mouvement):
    """Un mouvement s'annule une fois ; une annulation ne s'annule pas, le mouvement se saisit de nouveau."""
    if mouvement.annule_id:
        return f"« {mouvement} » annule déjà un autre mouvement : saisir de nouveau celui qui manque."
    if hasattr(mouvement, "annule_par"):
        return f"« {mouvement} » est déjà annulé."
    return ""


# --- Proposé saisi dans la liste ---


def empechement_de_proposer_dans_la_liste(action, a_une_decision):
    """Pourquoi le proposé de cette action ne se tape pas dans la liste, ou "" : un motif se donne sur sa page."""
    if action.exercice.est_clos:
        return empechement_de_modifier(action)
    if action.statut not in StatutAction.a_decider():
        return "Plus à décider." if not action.est_brouillon else "Brouillon : à déposer d’abord."
    if a_une_decision:
        return "Déjà décidée : le motif se donne en modifiant l’action."
    if action.campagne.est_figee:
        return "Campagne figée : le motif se donne en modifiant l’action."
    return ""


# --- Courriers et actes ---


def empechement_d_ecrire(action, nature):
    """Pourquoi une lettre de cette nature (NatureCourrier) n'annonce pas la décision de cette action, ou ""."""
    if action.statut in nature.statuts:
        return ""
    if action.statut in (StatutAction.BROUILLON, StatutAction.DEPOSEE, StatutAction.INSTRUITE):
        return f"Une action « {action.get_statut_display()} » n’est pas décidée : il n’y a rien à annoncer."
    return f"Une action « {action.get_statut_display()} » n’appelle pas une lettre « {nature.label} »."


def empechement_de_porter(decision):
    """Un acte attribue, modifie ou retire des crédits ; le reste s'annonce par une lettre."""
    if decision.nature in NatureDecision.sans_montant():
        return f"Une décision « {decision.get_nature_display()} » ne se porte pas par un acte : une lettre suffit."
    return ""


def empechement_de_rediger(acte):
    """Signé, un acte ne change plus : un avenant ou un retrait le remplace."""
    if acte.signe_le:
        return f"Cet acte est signé depuis le {acte.signe_le:%d/%m/%Y} : le remplacer par un avenant ou un retrait."
    return ""


def empechement_de_remplacer(acte):
    if acte.signe_le is None:
        return "Cet acte n’est pas signé : le modifier, ou le supprimer."
    if acte.nature == NatureActe.RETRAIT:
        return "Un retrait ne se remplace pas : établir un nouvel acte."
    if acte.suivant:
        return f"Cet acte est déjà remplacé : {acte.suivant}."
    return ""


def empechement_du_texte(texte):
    """Le texte d'un acte est déjà rempli : il n'y reste à lire que son échéancier."""
    seule = f"Le texte d’un acte ne lit que {{{{ {VariableDeCourrier.ECHEANCIER.value} }}}}, entre doubles accolades"
    try:
        autres = [nom for nom in variables(texte) if nom != VariableDeCourrier.ECHEANCIER]
    except VariableMalEcrite as refus:
        return f"{seule} ; corriger vers « {refus} »."
    return f"{seule} ; retirer {', '.join(f'« {nom} »' for nom in autres)}." if autres else ""


def empechement_de_fixer_l_echeancier(acte, montant):
    """Un échéancier dit quand se verse ce que l'acte attribue (`montant`, en euros) ; signé, il ne change plus."""
    if acte.nature == NatureActe.RETRAIT:
        return "Un retrait ne verse rien : il n’a pas d’échéancier."
    if montant <= 0:
        return "Cet acte n’attribue rien : il n’a pas d’échéancier."
    return empechement_de_rediger(acte)


# --- Reconduction et CPO ---


def empechement_de_reconduire(action, exercice):
    """`exercice` : celui de l'année suivante, ou None s'il n'existe pas encore."""
    suivante = action.exercice.annee + 1
    if action.est_brouillon:
        return "un brouillon ne se reconduit pas : le déposer, ou en saisir un autre."
    if exercice is None:
        return f"l’exercice {suivante} n’existe pas encore : le responsable du département l’ouvre."
    return f"l’exercice {suivante} est clos : aucune action ne s’y ajoute." if exercice.est_clos else ""


def annees_a_prevoir(action):
    """Les années d'une CPO après l'année ferme, jusqu'à sa dernière ; vide pour une action annuelle."""
    if not (action.cpo_nombre and action.cpo_rang):
        return range(0)
    annee = action.exercice.annee
    return range(annee + 1, annee + 1 + action.cpo_nombre - action.cpo_rang)


def empechement_de_prevoir(action):
    if not action.cpo_nombre:
        return "Seule une CPO prévoit les années suivantes."
    return empechement_de_modifier(action)


def pourquoi_pas_cette_annee(action, annee):
    ferme = action.exercice.annee
    if annee == ferme:
        return f"{annee} est l’année ferme : son montant se demande dans le plan de financement."
    if annee < ferme:
        return f"{annee} est passée : une prévision porte sur une année à venir."
    return f"la CPO finit en {ferme + action.cpo_nombre - action.cpo_rang} : aucune prévision en {annee}."
