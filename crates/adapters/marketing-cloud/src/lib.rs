//! Salesforce Marketing Cloud over SOAP and REST
