//! Both servers and the card in one process: scenarios and the architecture test.
