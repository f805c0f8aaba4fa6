//! Reads the answer to a question for rows, page by page.

use outflow_ports::{CloudError, MarketingCloud, RowPage, RowQuery};

/// Hands every page of an answer to `take`, in the service's order.
pub(crate) async fn each_page(cloud: &dyn MarketingCloud, query: &RowQuery, mut take: impl FnMut(&RowPage)) -> Result<(), CloudError> {
    let mut from = None;
    loop {
        let page = cloud.read_rows(query, from.as_deref()).await?;
        take(&page);
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}
