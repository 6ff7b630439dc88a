"""Les prévisions des CPO : ce que l'opération garantit et que la base ne peut pas dire."""

from django.db.models import F, Q
from django.db.models import Value as V

from programmation.enums import Duree
from programmation.models import PrevisionPluriannuelle

from .outils import ecarts_de, verification


@verification(
    "prévision pluriannuelle", "Une prévision est d’une CPO, pour une année d’après son exercice et de sa durée."
)
def prevision_dans_la_cpo():
    derniere = F("action__exercice__annee") + F("action__cpo_nombre") - F("action__cpo_rang")
    dedans = Q(action__duree=Duree.CPO, annee__gt=F("action__exercice__annee"), annee__lte=derniere)
    fautives = PrevisionPluriannuelle.objects.exclude(pk__in=PrevisionPluriannuelle.objects.filter(dedans).values("pk"))
    return ecarts_de(fautives, V("une année à venir de la CPO"), "annee")
