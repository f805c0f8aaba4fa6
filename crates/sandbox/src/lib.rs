//! A Marketing Cloud to practise on
