//! Objects that are created, changed and started.

use super::{PARTNER, SoapRequest, Xml};

/// An object of the partner API, as a request carries it.
pub(crate) trait ApiObject: Send + Sync {
    /// Its `xsi:type`.
    const TYPE: &'static str;

    /// Writes its members, in the order of the WSDL.
    fn write(&self, xml: &mut Xml);
}

fn write_request<O: ApiObject>(xml: &mut Xml, root: &str, object: &O) {
    xml.element(root, &[("xmlns", PARTNER)], |xml| {
        xml.empty("Options");
        xml.typed("Objects", O::TYPE, |xml| object.write(xml));
    });
}

/// Creates an object.
#[derive(Debug)]
pub(crate) struct Create<'a, O>(pub(crate) &'a O);

impl<O: ApiObject> SoapRequest for Create<'_, O> {
    const ACTION: &'static str = "Create";

    fn write(&self, xml: &mut Xml) {
        write_request(xml, "CreateRequest", self.0);
    }
}

/// Changes an object.
#[derive(Debug)]
pub(crate) struct Update<'a, O>(pub(crate) &'a O);

impl<O: ApiObject> SoapRequest for Update<'_, O> {
    const ACTION: &'static str = "Update";

    fn write(&self, xml: &mut Xml) {
        write_request(xml, "UpdateRequest", self.0);
    }
}

/// Deletes objects, each for itself: some may be refused while others go.
/// <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/delete.html>
#[derive(Debug)]
pub(crate) struct Delete<'a, O>(pub(crate) &'a [O]);

impl<O: ApiObject> SoapRequest for Delete<'_, O> {
    const ACTION: &'static str = "Delete";

    fn write(&self, xml: &mut Xml) {
        xml.element("DeleteRequest", &[("xmlns", PARTNER)], |xml| {
            xml.empty("Options");
            for object in self.0 {
                xml.typed("Objects", O::TYPE, |xml| object.write(xml));
            }
        });
    }
}

/// Starts an import definition:
/// <https://developer.salesforce.com/docs/atlas.en-us.noversion.mc-apis.meta/mc-apis/starting_an_import_definition_via_the_web_service_api.htm>.
#[derive(Debug)]
pub(crate) struct StartDefinition<'a> {
    /// The definition's key.
    pub(crate) key: &'a str,
}

impl SoapRequest for StartDefinition<'_> {
    const ACTION: &'static str = "Perform";

    fn write(&self, xml: &mut Xml) {
        xml.element("PerformRequestMsg", &[("xmlns", PARTNER)], |xml| {
            xml.empty("Options");
            xml.text("Action", "start");
            xml.element("Definitions", &[], |xml| {
                xml.typed("Definition", "ImportDefinition", |xml| xml.text("CustomerKey", self.key));
            });
        });
    }
}
