"""Links to the documentation in the HTML representation of estimators."""

PAGES = ""  # address of the pages of the estimators, one each; empty while they have none


class DocumentationLinks:
    """Let the HTML representation describe each argument.

    scikit-learn shows a description where it has a link. As long as the pages have no address the links stay
    in the page that shows the estimator.
    """

    _doc_link_module = "sklstm"

    @property
    def _doc_link_template(self):
        return PAGES + "#sklstm.{estimator_name}"
