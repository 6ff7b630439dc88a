app_name = "programmation"

urlpatterns = []
