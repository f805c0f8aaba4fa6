//! What things are: values and rules of Outflow
